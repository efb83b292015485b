import type { ContainerState, ContainerStatus, Pod, PodStatus } from '@flotilla/shared/api/generated/types.js';
import { expect, it } from 'vitest';
import { podColumns } from './pod-columns.ts';

const nowMs = Date.parse('2026-01-01T01:00:00Z');

function row(status: PodStatus, more: Partial<Pod> = {}): unknown[] {
  const pod: Pod = {
    metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z', ...more.metadata },
    spec: { containers: [{ name: 'c', image: 'x' }], ...more.spec },
    status,
  };
  return podColumns.map(({ value }) => value(pod, nowMs));
}

const container = (state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name: 'c',
  image: 'x',
  imageID: '',
  ready: false,
  restartCount: 0,
  state,
  ...more,
});

it('has the columns of kubectl get pods -o wide', () => {
  expect(podColumns.map(({ name, priority = 0 }) => `${name} ${priority}`)).toEqual([
    'Name 0',
    'Ready 0',
    'Status 0',
    'Restarts 0',
    'Age 0',
    'IP 1',
    'Node 1',
    'Nominated Node 1',
    'Readiness Gates 1',
  ]);
  const running = container({ running: {} }, { ready: true });
  expect(
    row(
      { phase: 'Running', podIPs: [{ ip: '10.0.0.1' }], containerStatuses: [running] },
      { spec: { containers: [{ name: 'c' }], nodeName: 'n' } },
    ),
  ).toEqual(['a', '1/1', 'Running', '0', '60m', '10.0.0.1', 'n', '<none>', '<none>']);
});

it.each<[string, PodStatus, Partial<Pod>?]>([
  ['Pending', { phase: 'Pending' }],
  ['Evicted', { phase: 'Failed', reason: 'Evicted' }],
  ['ContainerCreating', { phase: 'Pending', containerStatuses: [container({ waiting: { reason: 'ContainerCreating' } })] }],
  ['ImagePullBackOff', { phase: 'Pending', containerStatuses: [container({ waiting: { reason: 'ImagePullBackOff' } })] }],
  [
    'CrashLoopBackOff',
    { phase: 'Running', containerStatuses: [container({ waiting: { reason: 'CrashLoopBackOff' } }, { restartCount: 3 })] },
  ],
  ['Completed', { phase: 'Succeeded', containerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } })] }],
  ['ExitCode:3', { phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 3 } })] }],
  ['Signal:9', { phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 137, signal: 9 } })] }],
  [
    'Init:0/1',
    { phase: 'Pending', initContainerStatuses: [container({ running: {} })] },
    { spec: { containers: [], initContainers: [{ name: 'c' }] } },
  ],
  ['Init:Error', { phase: 'Pending', initContainerStatuses: [container({ terminated: { exitCode: 1, reason: 'Error' } })] }],
  ['Init:ExitCode:1', { phase: 'Pending', initContainerStatuses: [container({ terminated: { exitCode: 1 } })] }],
  ['Init:CrashLoopBackOff', { phase: 'Pending', initContainerStatuses: [container({ waiting: { reason: 'CrashLoopBackOff' } })] }],
  [
    'Terminating',
    { phase: 'Running', containerStatuses: [container({ running: {} })] },
    { metadata: { name: 'a', deletionTimestamp: '2026-01-01T00:00:00Z' } },
  ],
  ['Unknown', { phase: 'Running', reason: 'NodeLost' }, { metadata: { name: 'a', deletionTimestamp: '2026-01-01T00:00:00Z' } }],
  [
    'NotReady',
    {
      phase: 'Running',
      containerStatuses: [
        container({ running: {} }, { ready: true }),
        container({ terminated: { exitCode: 0, reason: 'Completed' } }),
      ].reverse(),
    },
  ],
  ['SchedulingGated', { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] }],
])('shows %s', (expected, status, more) => {
  expect(row(status, more)[2]).toBe(expected);
});

it('tells since when its board is away, of a pod that has not ended', () => {
  const away = { type: 'Ready', status: 'False', reason: 'NodeOffline', lastProbeTime: '2026-01-01T00:48:00Z' };
  const running = container({ running: {} }, { ready: true });
  expect(row({ phase: 'Running', containerStatuses: [running], conditions: [away] }).slice(1, 3)).toEqual(['1/1', 'Running (offline 12m)']);
  expect(row({ phase: 'Succeeded', conditions: [away] })[2]).toBe('Succeeded');
  const going = { name: 'a', deletionTimestamp: '2026-01-01T00:00:00Z' };
  expect(row({ phase: 'Running', conditions: [away] }, { metadata: going })[2]).toBe('Terminating (offline 12m)');
});

it('tells when the last restart was', () => {
  const lastState = { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:59:55Z' } };
  expect(row({ phase: 'Running', containerStatuses: [container({ running: {} }, { restartCount: 1, lastState })] })[3]).toBe('1 (5s ago)');
});
