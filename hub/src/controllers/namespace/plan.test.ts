import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { expect, it } from 'vitest';
import { namespaceConditions, sameConditions } from './plan.ts';

const namespace = { metadata: { name: 'trial', deletionTimestamp: '2026-01-01T00:00:00Z' } };
const since = '2026-01-01T00:00:00Z';
const pod = (name: string, node: string, away: boolean): Pod => ({
  metadata: { name },
  spec: { nodeName: node, containers: [] },
  status: { phase: 'Running', conditions: away ? [{ type: 'Ready', status: 'False', reason: 'NodeOffline', lastProbeTime: since }] : [] },
});
const conditions = (...pods: Pod[]) => namespaceConditions(namespace, [{ group: '', resource: 'pods', objects: pods }], [], 0);
const waiting = (...pods: Pod[]) => conditions(...pods).find(({ type }) => type === 'NamespaceWaitingForNodes');

it('says which boards a namespace waits for, and nothing of it when they are there', () => {
  expect(waiting(pod('a', 'board-1', false))).toBeUndefined();
  expect(waiting(pod('a', 'board-1', true), pod('b', 'board-2', false), pod('c', 'board-1', true))).toMatchObject({
    status: 'True',
    reason: 'NodesOffline',
    message: `Pods will be stopped when their nodes return: node board-1 is offline since ${since} and has 2 pods`,
  });
});

it('names a few boards of many', () => {
  const many = Array.from({ length: 8 }, (_, index) => pod(`p${index}`, `board-${index}`, true));
  expect(waiting(...many)?.message).toMatch(/board-4 is offline since \S+ and has 1 pod, and 3 more nodes$/);
});

it('takes the condition away when the board is back', () => {
  const [before, after] = [conditions(pod('a', 'board-1', true)), conditions(pod('a', 'board-1', false))];
  expect(sameConditions(before, before)).toBe(true);
  expect(sameConditions(before, after)).toBe(false);
});
