import { expect, test } from 'vitest';
import { type Stack, useStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const solo = (name: string, node: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: 'localhost/flotilla-demo:1', command: ['sh', '-c', 'echo aboard; exec sleep 10000'] }],
    },
  });

async function joinsAndRuns(stack: Stack, node: string): Promise<void> {
  const board = await stack.addBoard(node);
  const name = `on-${node}`;
  await stack.kubectl.ok(['create', '-f', '-'], { input: solo(name, node) });
  await stack.waitFor('condition=Ready', `pod/${name}`);
  expect((await board.container(name, 'main')).state).toBe('running');
  await until('it has spoken', async () => (await stack.kubectl.ok(['logs', name])) === 'aboard');
  await stack.kubectl.ok(['delete', 'pod', name]);
  expect(await board.containers()).toEqual([]);
}

// The hub has no MQTT port: boards come over the API's.
const without = useStack({ mqtt: 'none' }, async () => {});
// The hub has one and says so, but this board's way to it is closed: it listens at another address.
const closed = useStack({ mqtt: '127.0.0.2' }, async () => {});

test('a board needs nothing but the API port when MQTT has none of its own', async () => {
  expect(without.ports.mqtt).toBeUndefined();
  await joinsAndRuns(without, 'narrow');
});

test('a board that cannot reach the MQTT port takes the API port', async () => {
  expect(closed.ports.mqtt).toBeGreaterThan(0);
  await joinsAndRuns(closed, 'fenced');
});
