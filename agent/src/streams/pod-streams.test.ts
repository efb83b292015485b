import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import type { PodStream, PodStreamRequest } from '@flotilla/shared/protocol/stream-messages.js';
import { expect, test } from 'vitest';
import type { PodSnapshot } from '#pods/pod-doors.ts';
import { FakeRuntime } from '#runtime/fake/fake-runtime.ts';
import { plainContainer, plainSandbox } from '#runtime/runtime.contract.ts';
import { PodStreams } from './pod-streams.ts';

const { namespace, name, uid } = plainSandbox;
const pod = { namespace, name, uid };
const wants = { stdin: true, stdout: true, stderr: true, tty: false };

async function board() {
  const clock = new FakeClock();
  const runtime = new FakeRuntime({
    clock,
    images: { app: { present: true } },
    servers: {
      80: async ({ args, write }) => {
        await write(1, `pod ${args[0]}`);
        return 0;
      },
    },
  });
  await runtime.start();
  await runtime.setPodCidr('10.213.7.0/27');
  const sandbox = await runtime.createSandbox(plainSandbox);
  const container = await runtime.createContainer(sandbox, { ...plainContainer, image: 'app' });
  await runtime.createContainer(sandbox, { ...plainContainer, name: 'ended', image: 'app', env: { FAKE_EXIT_AFTER_MS: '0' } });
  await clock.advance(10);
  const sandboxes = await runtime.list();
  const snapshot = { uid, record: { namespace, name }, sandboxes } as unknown as PodSnapshot;
  const known = new Map([[uid, snapshot]]);
  const streams = new PodStreams({ runtime, logger: silentLogger, snapshot: (wanted) => known.get(wanted) });
  const controller = new AbortController();
  const open = (request: PodStreamRequest): Promise<PodStream> => streams.open(request, controller.signal);
  return { runtime, container, known, open, controller };
}

async function text(stream: PodStream): Promise<string> {
  const parts: Buffer[] = [];
  for await (const { data } of stream.output) parts.push(data);
  return Buffer.concat(parts).toString();
}

test('a program in a container of the pod, its input, its output and its exit code', async () => {
  const { open, runtime } = await board();
  const stream = await open({ kind: 'exec', pod, container: 'main', command: ['cat'], ...wants });
  const read = text(stream);
  await stream.write(Buffer.from('there and '));
  await stream.write(Buffer.from('back'));
  stream.end();
  expect(await read).toBe('there and back');
  expect(await stream.result).toEqual({ exitCode: 0 });
  const failing = await open({ kind: 'exec', pod, container: 'main', command: ['exit', '7'], ...wants });
  expect(await text(failing)).toBe('exit 7\n');
  expect(await failing.result).toEqual({ exitCode: 7 });
  expect(runtime.openStreams).toBe(0);
});

test('what a client gave up is killed', async () => {
  const { open, controller, runtime } = await board();
  const stream = await open({ kind: 'exec', pod, container: 'main', command: ['sleep'], ...wants });
  expect(runtime.openStreams).toBe(1);
  controller.abort();
  await stream.result;
  await expect.poll(() => runtime.openStreams).toBe(0);
});

test.each([
  ['another pod', { uid: 'other' }],
  ['the same name in another namespace', { namespace: 'other' }],
  ['another name with this uid', { name: 'other' }],
])('%s is refused', async (_, wrong) => {
  const { open } = await board();
  const request = { kind: 'forward', pod: { ...pod, ...wrong }, port: 80 } as const;
  await expect(open(request)).rejects.toMatchObject({ code: 404, message: 'pod does not exist' });
});

test.each(['none', 'ended'])('a container that does not run is not found: %s', async (container) => {
  const { open } = await board();
  for (const kind of ['exec', 'attach'] as const)
    await expect(open({ kind, pod, container, command: ['cat'], ...wants })).rejects.toMatchObject({
      code: 404,
      message: `container not found ("${container}")`,
    });
});

test('a container that ends while it is asked for is not found either', async () => {
  const { open, runtime, container } = await board();
  runtime.kill(container.id);
  const request = { kind: 'exec', pod, container: 'main', command: ['cat'], ...wants } as const;
  await expect(open(request)).rejects.toMatchObject({ code: 404, message: 'container not found ("main")' });
});

test('a program that is not there says so', async () => {
  const { open } = await board();
  await expect(open({ kind: 'exec', pod, container: 'main', command: ['nosuch'], ...wants })).rejects.toMatchObject({
    code: 500,
    message: expect.stringContaining('"nosuch": executable file not found in $PATH'),
  });
});

test('a port of the pod; one where nobody listens; a pod that does not run', async () => {
  const { open, known, runtime } = await board();
  const stream = await open({ kind: 'forward', pod, port: 80 });
  expect(await text(stream)).toBe(`pod ${uid}`);
  expect(await stream.result).toEqual({ exitCode: undefined });
  await expect(open({ kind: 'forward', pod, port: 81 })).rejects.toMatchObject({
    code: 500,
    message: expect.stringMatching(/^failed to connect to port 81 of pod "pod": connect ECONNREFUSED/),
  });
  const snapshot = known.get(uid) as PodSnapshot;
  known.set(uid, { ...snapshot, sandboxes: snapshot.sandboxes.map((sandbox) => ({ ...sandbox, ready: false })) });
  await expect(open({ kind: 'forward', pod, port: 80 })).rejects.toMatchObject({ code: 400 });
  expect(runtime.openStreams).toBe(0);
});

test('an attached client hears what comes from now on, and the container runs on when it leaves', async () => {
  const { open, runtime, container, controller } = await board();
  runtime.write(container.id, 'before\n');
  const stream = await open({ kind: 'attach', pod, container: 'main', ...wants });
  runtime.write(container.id, 'after\n');
  const output = stream.output[Symbol.asyncIterator]();
  expect((await output.next()).value?.data.toString()).toBe('after\n');
  controller.abort();
  await stream.result;
  expect((await runtime.list())[0]?.containers.find(({ name: is }) => is === 'main')?.status).toBe('running');
});
