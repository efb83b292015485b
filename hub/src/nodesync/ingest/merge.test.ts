import { describe, expect, test } from 'vitest';
import { mergeNodeLabels, mergeNodeStatus, newNode } from './node-status.ts';
import { mergePodStatus } from './pod-status.ts';

const now = Date.UTC(2026, 0, 2);

describe('pod status', () => {
  const pod = {
    status: {
      phase: 'Pending',
      qosClass: 'Burstable',
      startTime: '2026-01-01T00:00:00Z',
      conditions: [
        { type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' },
        { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:05Z' },
      ],
    },
  };

  test('what the hub owns stays, what the board knows comes in', () => {
    const merged = mergePodStatus(
      pod,
      {
        phase: 'Running',
        podIP: '10.0.0.1',
        qosClass: 'BestEffort',
        startTime: 'x',
        conditions: [{ type: 'PodScheduled', status: 'False' }],
      },
      now,
    );
    expect(merged).toMatchObject({ phase: 'Running', podIP: '10.0.0.1', qosClass: 'Burstable', startTime: '2026-01-01T00:00:00Z' });
    expect(merged?.conditions).toContainEqual(pod.status.conditions[0]);
  });

  test('a transition time moves only with its status', () => {
    const ready = (status: string) =>
      mergePodStatus(pod, { conditions: [{ type: 'Ready', status, lastTransitionTime: '2025-01-01T00:00:00Z' }] }, now)?.conditions?.find(
        (condition) => condition.type === 'Ready',
      );
    expect(ready('True')?.lastTransitionTime).toBe('2026-01-01T00:00:05Z');
    expect(ready('False')?.lastTransitionTime).toBe('2026-01-02T00:00:00Z');
  });

  test('what changed while the board was away is dated by the board, but never before what is known or after now', () => {
    const ready = (lastTransitionTime: string) =>
      mergePodStatus(pod, { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime }] }, now)?.conditions?.find(
        (condition) => condition.type === 'Ready',
      )?.lastTransitionTime;
    expect(ready('2026-01-01T12:00:00Z')).toBe('2026-01-01T12:00:00Z');
    expect(ready('1970-01-01T00:00:00Z')).toBe('2026-01-02T00:00:00Z');
    expect(ready('2099-01-01T00:00:00Z')).toBe('2026-01-02T00:00:00Z');
  });

  test('a pod that ended stays ended', () => {
    expect(mergePodStatus({ status: { phase: 'Succeeded' } }, { phase: 'Running' }, now)).toBeUndefined();
    expect(mergePodStatus({ status: { phase: 'Succeeded' } }, { phase: 'Failed' }, now)).toMatchObject({ phase: 'Failed' });
  });
});

describe('node status', () => {
  const report = {
    labels: { 'kubernetes.io/arch': 'arm64', site: 'north' },
    taints: [{ key: 'k', effect: 'NoSchedule' }],
    sequence: 1,
    status: { capacity: { cpu: '4' }, conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'ready' }] },
  };

  test('labels and taints count at registration, later only what the board keeps right', () => {
    const node = newNode('a', report, now);
    expect(node).toMatchObject({ metadata: { labels: { 'kubernetes.io/hostname': 'a', site: 'north' } }, spec: { taints: report.taints } });
    const labels = { 'kubernetes.io/arch': 'amd64', site: 'south' };
    expect(mergeNodeLabels(labels, report)).toEqual({ 'kubernetes.io/arch': 'arm64', site: 'south' });
    expect(mergeNodeLabels({ 'kubernetes.io/arch': 'arm64' }, report)).toBeUndefined();
  });

  test('an unchanged status is written for its heartbeat only, every five minutes', () => {
    const status = mergeNodeStatus(undefined, report, now);
    expect(mergeNodeStatus(status, report, now + 4 * 60_000)).toBeUndefined();
    expect(mergeNodeStatus(status, report, now + 5 * 60_000)).toBeDefined();
    expect(mergeNodeStatus(status, { ...report, status: { ...report.status, capacity: { cpu: '8' } } }, now + 1)).toMatchObject({
      capacity: { cpu: '8' },
    });
  });

  test('the board takes back its Ready after the hub had called it Unknown, with a new transition time', () => {
    const away = { conditions: [{ type: 'Ready', status: 'Unknown', lastTransitionTime: '2026-01-01T00:00:00Z' }] };
    const [ready] = mergeNodeStatus(away, report, now)?.conditions ?? [];
    expect(ready).toMatchObject({ status: 'True', lastTransitionTime: '2026-01-02T00:00:00Z' });
  });

  test('conditions of others stay', () => {
    const other = { type: 'NetworkUnavailable', status: 'False' };
    expect(mergeNodeStatus({ conditions: [other] }, report, now)?.conditions).toContainEqual(other);
  });
});
