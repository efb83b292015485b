import { expect, test } from 'vitest';
import type { Node, Pod } from '../objects.ts';
import { ReportMemory } from './report-memory.ts';

test('a board needs not tell again what stands as it was, and no more than that', () => {
  const version = (uid: string, resourceVersion: string): Pod & Node => ({ metadata: { uid, resourceVersion } });
  const objects = { node: version('n', '1') as Node | undefined, pods: [version('a', '2'), version('b', '3')] };
  const memory = new ReportMemory({ node: () => objects.node, podsOn: () => objects.pods });
  expect(memory.has('board', 7)).toBe(false);
  memory.keep('board', 7);
  expect([memory.has('board', 7), memory.has('board', 8), memory.has('other', 7)]).toEqual([true, false, false]);
  objects.pods.reverse();
  expect(memory.has('board', 7)).toBe(true);
  // Somebody wrote a pod, or the Node, or took a pod away.
  const changes: (() => void)[] = [
    () => {
      objects.pods[0] = version('a', '4');
    },
    () => {
      objects.node = version('n', '5');
    },
    () => {
      objects.pods.pop();
    },
  ];
  for (const change of changes) {
    memory.keep('board', 7);
    change();
    expect(memory.has('board', 7)).toBe(false);
  }
  memory.keep('board', 7);
  memory.keep('board', undefined);
  expect(memory.has('board', 7)).toBe(false);
  memory.keep('board', 7);
  memory.forget('board');
  expect(memory.has('board', 7)).toBe(false);
  objects.node = undefined;
  memory.keep('board', 7);
  expect(memory.has('board', 7)).toBe(false);
});
