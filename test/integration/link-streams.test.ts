import { idleHandlers } from '@flotilla/agent/hublink/idle-handlers.js';
import { fakeStream } from '@flotilla/agent/runtime/fake/fake-streams.js';
import type { SimulatedBroker } from '@flotilla/hub/broker/simulated/simulated-broker.js';
import { calm, type Weather } from '@flotilla/hub/broker/simulated/weather.js';
import type { NodeStream, NodeStreamRequest } from '@flotilla/hub/registry/generic/types.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { StatusError } from '@flotilla/shared/errors/status.js';
import type { DevicePipe } from '@flotilla/shared/protocol/courier.js';
import { encodeData, encodeJson, FrameReader } from '@flotilla/shared/protocol/frame.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { StreamMessage, StreamRequest } from '@flotilla/shared/protocol/stream-messages.js';
import { upTopic } from '@flotilla/shared/protocol/topics.js';
import { afterEach, expect, test } from 'vitest';
import { clusterId, courierTo, linkFor, openWorld, simulated } from './link-world.ts';

/** Exec, attach and forward through both halves of the link, over a simulated network; programs are fake. */

const node = 'board-1';
const pod = { namespace: 'default', name: 'web', uid: 'u-1' };
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function setUp(options: { weather?: Partial<Weather>; seed?: number; streams?: boolean; keepAliveMs?: number } = {}) {
  const clock = new FakeClock();
  const world = await openWorld({ clock, broker: simulated(clock, options.seed ?? 1, { ...calm, ...options.weather }) });
  world.boards.set(node, { node, keyId: 'k', serial: '' });
  const running = new Set<StreamRequest>();
  const sizes: string[] = [];
  const openStream = async (request: StreamRequest, signal: AbortSignal) => {
    if (request.kind === 'api' || request.kind === 'shell') throw new StatusError(501, 'NotImplemented', 'not here');
    if (request.pod.uid !== pod.uid) throw new StatusError(404, 'NotFound', 'pod does not exist');
    const [name = '', ...args] = request.kind === 'exec' ? request.command : ['cat'];
    if (name === 'hang') await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))));
    const stream = fakeStream(name, args, signal, {
      // Until the end of its input, and its own last word after it.
      async forward({ input, write }) {
        for await (const data of input) await write(1, data);
        await write(1, 'bye');
        return 0;
      },
      async sink({ input }) {
        for await (const _ of input);
        return 0;
      },
      async pours({ write, signal: ending }) {
        for (; !ending.aborted; await clock.sleep('test', 500)) await write(1, Buffer.alloc(2_000, 'y'));
        return 137;
      },
      async yes({ write, signal: ending }) {
        while (!ending.aborted) await write(1, Buffer.alloc(10_000, 'y'));
        return 137;
      },
    });
    running.add(request);
    void stream.result.catch(() => {}).then(() => running.delete(request));
    return { ...stream, resize: ({ width, height }: { width: number; height: number }) => void sizes.push(`${width}x${height}`) };
  };
  const pipes: DevicePipe[] = [];
  const courier = courierTo(() => world.broker, { node, keyId: 'k' });
  const link = linkFor({
    clock,
    node,
    ...(options.keepAliveMs === undefined ? {} : { keepAliveMs: options.keepAliveMs }),
    courier: {
      async connect(introduction, end) {
        const pipe = await courier.connect(introduction, end);
        pipes.push(pipe);
        return pipe;
      },
    },
    handlers: {
      ...idleHandlers,
      manifest: async () => ({ applied: true, wants: [] }),
      objects: async () => ({ applied: true, wants: [] }),
      ...(options.streams === false ? {} : { openStream }),
    },
  });
  link.start();
  closers.push(async () => {
    const stopping = link.stop();
    await clock.advance(1_000);
    await stopping;
    await world.close();
  });
  /** Lets time pass until it is settled. */
  const settled = async <T>(promise: Promise<T>): Promise<T> => {
    let done = false;
    const mark = (): void => {
      done = true;
    };
    promise.then(mark, mark);
    for (let turn = 0; turn < 4_000 && !done; turn++) await clock.advance(50);
    if (!done) throw new Error('it does not come to an end');
    return promise;
  };
  const controller = new AbortController();
  const open = (request: NodeStreamRequest, signal = controller.signal): NodeStream => world.sync.connector.open(node, request, signal);
  const exec = (command: string[], signal?: AbortSignal): NodeStream =>
    open({ kind: 'exec', pod, container: 'main', command, stdin: true, stdout: true, stderr: true, tty: false }, signal);
  await clock.advance(2_000);
  const broker = world.broker as SimulatedBroker;
  return { clock, world, broker, running, sizes, settled, controller, open, exec, pipes, link };
}

async function outcome(stream: NodeStream): Promise<{ out: string; err: string; exitCode: number | undefined }> {
  const parts: { channel: number; data: Buffer }[] = [];
  for await (const part of stream.output) parts.push(part);
  const text = (wanted: number): string =>
    Buffer.concat(parts.filter(({ channel }) => channel === wanted).map(({ data }) => data)).toString();
  return { out: text(1), err: text(2), ...(await stream.result) };
}

test('input, both outputs, the exit code and the size of a terminal go through', async () => {
  const { exec, settled, sizes, running } = await setUp();
  const stream = exec(['cat']);
  await settled(stream.opened);
  stream.resize({ width: 80, height: 24 });
  const reading = outcome(stream);
  const whole = Buffer.alloc(1 << 20, 'flotilla ');
  await settled(stream.write(whole.subarray(0, 500_000)));
  await settled(stream.write(whole.subarray(500_000)));
  stream.end();
  const { out, err, exitCode } = await settled(reading);
  expect([out === whole.toString(), err, exitCode]).toEqual([true, '', 0]);
  expect(sizes).toEqual(['80x24']);
  expect(await settled(outcome(exec(['exit', '42'])))).toEqual({ out: '', err: 'exit 42\n', exitCode: 42 });
  expect(running.size).toBe(0);
});

test.each([1, 2, 3])('messages that come twice, late and out of order change nothing: seed %i', async (seed) => {
  const { open, settled, running } = await setUp({ seed, weather: { delayMs: 400, duplicate: 0.3 } });
  const stream = open({ kind: 'forward', pod, port: 80 });
  const reading = outcome(stream);
  await settled(stream.opened);
  const whole = Buffer.alloc(700_000, 'abcdefg');
  await settled(stream.write(whole));
  stream.end();
  const { out, exitCode } = await settled(reading);
  expect([out.length, out === whole.toString(), exitCode]).toEqual([whole.length, true, 0]);
  expect(running.size).toBe(0);
});

test('each way of a connection ends by itself', async () => {
  const { exec, settled } = await setUp();
  const stream = exec(['forward']);
  const reading = outcome(stream);
  await settled(stream.write(Buffer.from('said, ')));
  stream.end();
  expect((await settled(reading)).out).toBe('said, bye');
  await expect(stream.write(Buffer.from('more'))).rejects.toThrow('was ended');
});

test('what the board refuses is refused in its own words, before it is opened', async () => {
  const { open, exec, settled } = await setUp();
  const stream = open({ kind: 'forward', pod: { ...pod, uid: 'another' }, port: 80 });
  await expect(settled(stream.opened)).rejects.toMatchObject({ code: 404, reason: 'NotFound', message: 'pod does not exist' });
  await expect(outcome(stream)).rejects.toMatchObject({ code: 404 });
  const failing = exec(['nosuch']);
  await expect(settled(failing.opened)).rejects.toMatchObject({ code: 500, reason: 'InternalError' });
});

test('a client that goes away takes its program along', async () => {
  const { exec, settled, controller, running, clock } = await setUp();
  const [sleeping, writing] = [exec(['sleep']), exec(['yes'])];
  await settled(sleeping.opened);
  await settled(writing.opened);
  await clock.advance(1_000);
  expect(running.size).toBe(2);
  controller.abort();
  await expect(settled(sleeping.result)).rejects.toThrow('given up');
  await expect(sleeping.write(Buffer.from('x'))).rejects.toThrow();
  await clock.advance(1_000);
  expect(running.size).toBe(0);
});

test('a cut ends both ends', async () => {
  const { exec, settled, running, pipes, clock, broker } = await setUp();
  const stream = exec(['sleep']);
  const reading = expect(outcome(stream)).rejects.toMatchObject({ code: 503, message: `node ${node} went away` });
  await settled(stream.opened);
  const session = broker.session(node);
  if (!session) throw new Error('there is no session');
  broker.disconnect(session, 'cut');
  pipes.at(-1)?.close();
  await settled(reading);
  await clock.advance(1_000);
  expect(running.size).toBe(0);
});

test.each(['pours', 'sink', 'cat'])(
  'a line that falls silent in the middle is an error within 30 s, long before the heartbeat is missed: %s',
  async (program) => {
    const { exec, settled, running, clock, broker, world } = await setUp({ keepAliveMs: 120_000 });
    broker.condition(node, { bytesPerSecond: 8_000, latencyMs: 100 });
    const stream = exec([program]);
    const reading = outcome(stream).then(
      () => 'ended',
      (error: Error) => error.message,
    );
    await settled(stream.opened);
    // Something is under way: what it writes, what it reads, or its echo.
    void (async () => {
      for (;;) {
        await stream.write(Buffer.alloc(10_000));
        await clock.sleep('test', 500);
      }
    })().catch(() => {});
    await clock.advance(20_000);
    const session = broker.session(node);
    broker.condition(node, { silent: 'both' });
    const cutMs = clock.monotonicMs();
    expect(await settled(reading)).toBe(`node ${node} went away: it has not answered for 22 s`);
    expect(clock.monotonicMs() - cutMs).toBeLessThanOrEqual(30_000);
    expect(broker.session(node)).toBe(session);
    // The board notices with its next ping at the latest.
    await clock.advance(300_000);
    expect(running.size).toBe(0);
    expect(world.warnings.filter((warning) => warning.includes('StreamRefused'))).toEqual([]);
  },
);

test('a stream on which nothing happens is asked about once, and a board that answers keeps it', async () => {
  const { exec, settled, clock, broker } = await setUp();
  const stream = exec(['sleep']);
  await settled(stream.opened);
  const sent: string[] = [];
  const send = broker.send.bind(broker);
  broker.send = async (to, kind, payload) => {
    if (kind === 'stream') sent.push(payload.toString('utf8', 1));
    return send(to, kind, payload);
  };
  await clock.advance(3_600_000);
  expect(sent.filter((text) => text.includes('"mark"'))).toHaveLength(sent.length);
  expect(sent.length).toBeLessThanOrEqual(1);
  let over = false;
  stream.result.then(
    () => (over = true),
    () => (over = true),
  );
  await clock.advance(1_000);
  expect(over).toBe(false);
});

test('a node that is away is said to be at once, and so is a board whose agent is too old', async () => {
  const { world, exec, settled } = await setUp({ streams: false });
  const away = world.sync.connector.open('board-7', { kind: 'forward', pod, port: 80 }, new AbortController().signal);
  await expect(away.opened).rejects.toMatchObject({ code: 503, message: expect.stringMatching(/^node board-7 is offline since 20/) });
  await expect(settled(exec(['cat']).opened)).rejects.toMatchObject({
    code: 501,
    message: `the agent of node ${node} is too old for exec: it needs an update`,
  });
});

test('a board that does not answer is given up after half a minute', async () => {
  const { exec, settled } = await setUp();
  const stream = exec(['hang']);
  await expect(settled(stream.opened)).rejects.toMatchObject({ code: 504 });
});

test('nobody reads: the program waits, and what is held is bounded', async () => {
  const { exec, settled, clock, world } = await setUp();
  const stream = exec(['yes']);
  await settled(stream.opened);
  await clock.advance(20_000);
  const messages = world.broker.counters.messages;
  await clock.advance(20_000);
  // Nothing but signs of life.
  expect(world.broker.counters.messages - messages).toBeLessThan(5);
  let bytes = 0;
  const some = (async () => {
    for await (const { data } of stream.output) {
      bytes += data.length;
      if (bytes > 3 * linkLimits.streamWindowBytes) return;
    }
  })();
  await settled(some);
});

test('a hundred programs at once on one board; beyond the limit one more is refused, and one that ended makes room', async () => {
  const { exec, settled, running } = await setUp();
  const all = Array.from({ length: linkLimits.streams }, () => exec(['cat']));
  await settled(Promise.all(all.map(({ opened }) => opened)));
  expect(running.size).toBe(128);
  await expect(exec(['cat']).opened).rejects.toMatchObject({ code: 429, message: 'the node has 128 streams open' });
  const outcomes = all.map(outcome);
  await settled(Promise.all(all.map((stream, n) => stream.write(Buffer.from(`number ${n}`)))));
  all[0]?.end();
  expect((await settled(outcomes[0] as Promise<{ out: string }>)).out).toBe('number 0');
  await settled(exec(['echo']).opened);
  for (const stream of all) stream.end();
  expect((await settled(Promise.all(outcomes))).map(({ out }) => out)).toEqual(all.map((_, n) => `number ${n}`));
});

test('stream ids of others, frames too large and what comes too late are refused and do no harm', async () => {
  const { exec, settled, pipes, clock, broker, world } = await setUp();
  const stream = exec(['cat']);
  await settled(stream.opened);
  const pipe = pipes.at(-1) as DevicePipe;
  const topic = upTopic({ clusterId, node }, 'stream');
  const session = broker.session(node)?.epoch ?? 0;
  const said: unknown[] = [];
  const reader = new FrameReader();
  const send = broker.send.bind(broker);
  broker.send = async (to, kind, payload) => {
    const decoded = kind === 'refusal' ? reader.read(payload) : undefined;
    if (decoded?.type === 'json') said.push(decoded.value);
    return send(to, kind, payload);
  };
  const tell = (message: unknown): unknown => encodeJson(message).map((payload) => pipe.send(topic, payload));
  const foreign: StreamMessage = { session, op: 'close', id: 99, length: 0 };
  tell(foreign);
  void pipe.send(topic, encodeData({ stream: 99, channel: 1, offset: 0, data: Buffer.from('x') }));
  await clock.advance(1_000);
  expect(said).toEqual([1, 2].map(() => ({ about: 'stream', reason: 'Forbidden', message: "stream 99 is none of this board's" })));
  const shown = "Warning StreamRefused The hub refused what the board sent on a stream: stream 99 is none of this board's";
  expect(world.warnings.filter((warning) => warning.includes('StreamRefused'))).toEqual([shown]);
  // Of a session that is over: not even an answer.
  tell({ session: session - 1, op: 'close', id: 1, length: 0 });
  await clock.advance(1_000);
  expect(said).toHaveLength(2);
  const reading = outcome(stream);
  await settled(stream.write(Buffer.from('fine')));
  stream.end();
  expect((await settled(reading)).out).toBe('fine');
  // Over, but its own.
  void pipe.send(topic, encodeData({ stream: 1, channel: 1, offset: 0, data: Buffer.from('late') }));
  tell({ session, op: 'close', id: 1, length: 4 });
  await clock.advance(1_000);
  expect(said).toHaveLength(2);
  const other = exec(['cat']);
  const broken = expect(outcome(other)).rejects.toThrow('a frame of 16385 bytes; the limit is 16384');
  await settled(other.opened);
  void pipe.send(topic, encodeData({ stream: 2, channel: 1, offset: 0, data: Buffer.alloc(linkLimits.streamFrameBytes + 1) }));
  await settled(broken);
  expect(said).toHaveLength(3);
});

test('what is copied to a board on a slow line holds up what it shall run by seconds', async () => {
  const { exec, settled, clock, broker } = await setUp();
  broker.condition(node, { bytesPerSecond: 8_000, latencyMs: 1_000 });
  const copy = exec(['sink']);
  await settled(copy.opened);
  const beganMs = clock.monotonicMs();
  const bytes = 400_000;
  let done = false;
  const copied = (async () => {
    await copy.write(Buffer.alloc(bytes));
    copy.end();
    await outcome(copy);
    done = true;
  })();
  const waits: number[] = [];
  while (!done) {
    await clock.advance(3_000);
    const askedMs = clock.monotonicMs();
    // Goes the same way as the copy, and comes back.
    await settled(exec(['echo']).opened);
    waits.push(clock.monotonicMs() - askedMs);
  }
  await copied;
  const lineMs = (bytes / 8_000) * 1_000;
  expect(clock.monotonicMs() - beganMs).toBeLessThan(lineMs * 3);
  expect(waits.length).toBeGreaterThan(5);
  expect(Math.max(...waits)).toBeLessThanOrEqual(6_000);
});
