import { spawnSync } from 'node:child_process';
import type { Pod, PodSpec } from '@flotilla/shared/api/generated/types.js';
import { expect, test } from 'vitest';
import type { Board } from '../harness/board.ts';
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

/** What a client library does in a pod, from the pod's own network, with what the pod has: environment, hosts file, token and certificate. */
const client = `
const [env, hosts, token, ca] = JSON.parse(process.argv[1]);
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
const address = hosts.split('\\n').find((line) => line.split(/\\s+/).includes(host)).split(/\\s+/)[0];
const options = { host: address, port, servername: host, path: '/api/v1/namespaces/default/pods', headers: { authorization: 'Bearer ' + token }, ca };
require('node:https').get(options, (response) => {
  response.setEncoding('utf8').on('data', (text) => process.stdout.write(text));
}).on('error', (error) => console.log('failed: ' + error.message));
`;

const refused = 'User \\"system:serviceaccount:default:default\\" cannot list resource \\"pods\\"';

async function callFrom(pod: string): Promise<string> {
  const { id } = await board.container(pod, 'main');
  const podman = (...args: string[]): Promise<string> => board.place.podman(...args);
  const read = (file: string): Promise<string> => podman('exec', id, 'cat', file);
  const mounted = '/var/run/secrets/kubernetes.io/serviceaccount';
  const env = Object.fromEntries((await podman('exec', id, 'env')).split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
  const facts = [env, await read('/etc/hosts'), await read(`${mounted}/token`), await read(`${mounted}/ca.crt`)];
  const pid = (await podman('inspect', '--format', '{{.State.Pid}}', id)).trim();
  const args = ['--target', pid, '--net', process.execPath, '-e', client, JSON.stringify(facts)];
  return spawnSync('nsenter', args, { encoding: 'utf8', timeout: 60_000 }).stdout;
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
