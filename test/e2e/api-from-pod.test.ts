import type { Pod, PodSpec } from '@flotilla/shared/api/generated/types.js';
import { expect, test } from 'vitest';
import type { Board } from '../harness/board.ts';
import { podsSeenFrom } from '../harness/pods-seen-from.ts';
import { useStack } from '../harness/stack.ts';

let board: Board;
const stack = useStack({}, async (it) => {
  board = await it.addBoard('pi');
});

const idle = (name: string, more: Partial<PodSpec>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { ...more, containers: [{ name: 'main', image: 'localhost/flotilla-demo:1', command: ['sleep', '1000'] }] },
});

const refused = 'User \\"system:serviceaccount:default:default\\" cannot list resource \\"pods\\"';

async function callFrom(pod: string): Promise<string> {
  const { id } = await board.container(pod, 'main');
  const pid = (await board.place.podman('inspect', '--format', '{{.State.Pid}}', id)).trim();
  return podsSeenFrom(pid, (...command) => board.place.podman('exec', id, ...command));
}

test('a program in a pod speaks to the API as its own service account, over the one connection of its board', async () => {
  const pods = [idle('in-network', {}), idle('on-host', { hostNetwork: true })];
  for (const pod of pods) await stack.kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(pod) });
  await stack.kubectl.ok(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=120s']);
  expect(await callFrom('in-network')).toContain(refused);
  expect(await callFrom('on-host')).toContain(refused);
});

test('pods that an agent before this one started find it too', async () => {
  await board.stop('SIGKILL');
  board.start();
  await expect.poll(() => callFrom('in-network'), { timeout: 120_000 }).toContain(refused);
  expect(await callFrom('on-host')).toContain(refused);
});

test('without the hub it is hung up on at once', async () => {
  await stack.hub.end('SIGKILL');
  await expect.poll(() => callFrom('in-network'), { timeout: 120_000 }).toMatch(/^failed: /);
});
