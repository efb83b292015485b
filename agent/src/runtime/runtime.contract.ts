import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RuntimeLogOptions } from './log-filter.ts';
import { runtimeShellContract } from './runtime-shell.contract.ts';
import { runtimeStreamsContract } from './runtime-streams.contract.ts';
import type { ContainerSpec, ContainerState, Runtime, SandboxSpec, SandboxState } from './types.ts';

/** What the suite needs of the runtime it tests. */
export interface RuntimeHarness {
  /** Started, with podCIDR 10.213.7.0/27. */
  runtime(): Runtime;
  /** The agent died and came back: a new client of the same containers, started, with the same podCIDR. */
  restart(): Promise<Runtime>;
  /** Lets the time pass in which containers do something. */
  pass(ms: number): Promise<void>;
  /** What an agent does first about programs that one before it, which was killed, started in containers. */
  sweepExecs?(): Promise<void>;
  /** Resolves when what `forEver` runs would hear SIGTERM: a process is there before it listens. */
  listens(containerId: string): Promise<void>;
  /** What to run so that a container does this. */
  readonly does: {
    /** Runs until it gets SIGTERM, then exits with 0. */
    forEver(): Partial<ContainerSpec>;
    ignoresTerm(): Partial<ContainerSpec>;
    exits(code: number, afterMs: number): Partial<ContainerSpec>;
    /** Writes the text (`\n` included) and exits with 0. */
    writes(text: string): Partial<ContainerSpec>;
    /** Writes the text every 100 ms, for ever. */
    repeats(text: string): Partial<ContainerSpec>;
    outOfMemory(): Partial<ContainerSpec>;
    cannotStart(): Partial<ContainerSpec>;
  };
  readonly image: string;
  /** A reference whose registry answers that there is no such image. */
  readonly missingImage: string;
  close(): Promise<void>;
}

/** What every runtime keeps to. With `shell`, commands are real (busybox) and their view from inside is tested too. */
export function runtimeContract(name: string, make: () => Promise<RuntimeHarness>, options: { readonly shell: boolean }): void {
  describe(`runtime contract: ${name}`, () => {
    let harness: RuntimeHarness;
    let pods = 0;
    beforeAll(async () => {
      harness = await make();
    });
    afterAll(() => harness?.close());
    afterEach(async () => {
      for (const sandbox of await harness.runtime().list()) await harness.runtime().removeSandbox(sandbox.id);
    });

    const uidOf = (pod: number): string => `00000000-0000-4000-8000-${String(pod).padStart(12, '0')}`;
    const sandboxSpec = (more: Partial<SandboxSpec> = {}): SandboxSpec => ({
      ...plainSandbox,
      uid: uidOf(pods),
      name: `pod-${pods}`,
      ...more,
    });
    const container = (does: Partial<ContainerSpec>, more: Partial<ContainerSpec> = {}): ContainerSpec => ({
      ...plainContainer,
      image: harness.image,
      ...does,
      ...more,
    });
    const until = (what: string, check: () => Promise<boolean>): Promise<void> => waitFor(harness, what, check);
    const find = async (id: string, runtime = harness.runtime()): Promise<ContainerState | undefined> =>
      (await runtime.list()).flatMap((sandbox) => sandbox.containers).find((one) => one.id === id);
    const hasStatus = async (id: string, status: string): Promise<boolean> => (await find(id))?.status === status;
    const ended = async (id: string): Promise<ContainerState> => {
      await until(`${id} to exit`, () => hasStatus(id, 'exited'));
      return (await find(id)) as ContainerState;
    };
    const start = async (spec: ContainerSpec): Promise<{ sandbox: SandboxState; state: ContainerState }> => {
      const sandbox = await harness.runtime().createSandbox(sandboxSpec());
      return { sandbox, state: await harness.runtime().createContainer(sandbox, spec) };
    };
    beforeEach(() => {
      pods++;
    });

    describe('sandboxes', () => {
      test('are made once per uid, listed with what the pod is, and gone after removal', async () => {
        const runtime = harness.runtime();
        const sandbox = await runtime.createSandbox(sandboxSpec());
        expect(sandbox).toMatchObject({ namespace: 'default', name: `pod-${pods}`, uid: uidOf(pods), ready: true, containers: [] });
        expect(sandbox.ip).toMatch(/^10\.213\.7\.\d+$/);
        const again = await runtime.createSandbox(sandboxSpec());
        expect(again).toEqual(sandbox);
        expect(await runtime.list()).toEqual([sandbox]);
        await runtime.removeSandbox(sandbox.id);
        await runtime.removeSandbox(sandbox.id);
        expect(await runtime.list()).toEqual([]);
      });

      test('have addresses of their own, none with the host network', async () => {
        const runtime = harness.runtime();
        const uids = [1, 2, 3].map((n) => uidOf(pods * 1000 + n));
        const made = await Promise.all(
          uids.map((uid, n) => runtime.createSandbox(sandboxSpec({ uid, name: `n-${n}`, hostNetwork: n === 2 }))),
        );
        expect(made[0]?.ip).toBeDefined();
        expect(made[1]?.ip).toBeDefined();
        expect(made[0]?.ip).not.toBe(made[1]?.ip);
        expect(made[2]?.ip).toBeUndefined();
      });

      test('may have one name twice when the uids differ, as a pod that was made anew', async () => {
        const runtime = harness.runtime();
        const old = await runtime.createSandbox(sandboxSpec({ name: 'same' }));
        const fresh = await runtime.createSandbox(sandboxSpec({ name: 'same', uid: uidOf(pods * 1000) }));
        expect(fresh.id).not.toBe(old.id);
        expect((await runtime.list()).length).toBe(2);
      });

      test('go with all that runs in them', async () => {
        const { sandbox, state } = await start(container(harness.does.forEver()));
        await harness.runtime().createContainer(sandbox, container(harness.does.exits(0, 0), { name: 'side' }));
        await harness.runtime().removeSandbox(sandbox.id);
        expect(await find(state.id)).toBeUndefined();
        expect(await harness.runtime().list()).toEqual([]);
      });
    });

    describe('containers', () => {
      test('run, carry their name, attempt and hash, and are adopted after a restart', async () => {
        const { sandbox, state } = await start(container(harness.does.forEver(), { attempt: 3, hash: 'abc123' }));
        expect(state).toMatchObject({
          name: 'main',
          attempt: 3,
          hash: 'abc123',
          image: harness.image,
          status: 'running',
          oomKilled: false,
        });
        expect(state.startedWallMs).toBeGreaterThanOrEqual(state.createdWallMs);
        const runtime = await harness.restart();
        const listed = await runtime.list();
        const { startedWallMs, ...rest } = state;
        expect(listed).toMatchObject([{ id: sandbox.id, ip: sandbox.ip, ready: true, containers: [rest] }]);
        // Whoever started it knows milliseconds.
        const seconds = (ms = Number.NaN): number => Math.floor(ms / 1000);
        expect(seconds(listed[0]?.containers[0]?.startedWallMs)).toBe(seconds(startedWallMs));
      });

      test('are made once per name and attempt', async () => {
        const { sandbox, state } = await start(container(harness.does.forEver()));
        expect(await harness.runtime().createContainer(sandbox, container(harness.does.forEver()))).toEqual(state);
        const next = await harness.runtime().createContainer(sandbox, container(harness.does.forEver(), { attempt: 1 }));
        expect(next.id).not.toBe(state.id);
      });

      test.each([0, 3])('exit with their own code: %d', async (code) => {
        const { state } = await start(container(harness.does.exits(code, 50)));
        const end = await ended(state.id);
        expect(end).toMatchObject({ exitCode: code, oomKilled: false });
        expect(end.finishedWallMs).toBeGreaterThanOrEqual(end.startedWallMs as number);
      });

      test('that eat more memory than they may are killed and say so', async () => {
        const { state } = await start(container(harness.does.outOfMemory(), { memoryLimitBytes: 32 * 2 ** 20 }));
        expect(await ended(state.id)).toMatchObject({ exitCode: 137, oomKilled: true });
      });

      test('are told to stop and given time for it', async () => {
        const { state } = await start(container(harness.does.forEver()));
        await harness.listens(state.id);
        await harness.runtime().stopContainer(state.id, 20);
        expect(await find(state.id)).toMatchObject({ status: 'exited', exitCode: 0 });
        await harness.runtime().stopContainer(state.id, 20);
        await harness.runtime().removeContainer(state.id);
        expect(await find(state.id)).toBeUndefined();
        await harness.runtime().removeContainer(state.id);
        await harness.runtime().stopContainer(state.id, 20);
      });

      test('that do not listen are killed after the grace', async () => {
        const { state } = await start(container(harness.does.ignoresTerm()));
        const stopped = harness.runtime().stopContainer(state.id, 1);
        await harness.pass(2000);
        await stopped;
        expect(await find(state.id)).toMatchObject({ status: 'exited', exitCode: 137 });
      });

      test('that cannot start say why and stay behind as created', async () => {
        const sandbox = await harness.runtime().createSandbox(sandboxSpec());
        const failing = harness.runtime().createContainer(sandbox, container(harness.does.cannotStart()));
        await expect(failing).rejects.toMatchObject({ reason: 'RunContainerError', message: expect.stringMatching(/\w/) });
        const [left] = (await harness.runtime().list())[0]?.containers ?? [];
        expect(left).toMatchObject({ name: 'main', status: 'created', startedWallMs: undefined, exitCode: undefined });
        await harness.runtime().removeContainer(left?.id as string);
        await harness.runtime().createContainer(sandbox, container(harness.does.forEver(), { attempt: 1 }));
      });

      test('need an image that is there', async () => {
        const sandbox = await harness.runtime().createSandbox(sandboxSpec());
        const failing = harness.runtime().createContainer(sandbox, container(harness.does.forEver(), { image: 'localhost/no-such:1' }));
        await expect(failing).rejects.toMatchObject({ reason: 'ImageNotFound' });
        expect((await harness.runtime().list())[0]?.containers).toEqual([]);
      });

      test('wake the watcher when they end', async () => {
        const { state } = await start(container(harness.does.forEver()));
        const seen: (string | undefined)[] = [];
        const watch = harness.runtime().watch((uid) => seen.push(uid));
        await harness.runtime().stopContainer(state.id, 0);
        await until('the watcher to be told', async () => seen.includes(uidOf(pods)));
        await until('the list to show it', () => hasStatus(state.id, 'exited'));
        watch.stop();
      });
    });

    describe('calls', () => {
      test('end when the caller gives up', async () => {
        const { state } = await start(container(harness.does.ignoresTerm()));
        const giveUp = new AbortController();
        const stopping = harness.runtime().stopContainer(state.id, 600, giveUp.signal);
        const outcome = expect(stopping).rejects.toMatchObject({ reason: 'Aborted' });
        await harness.pass(50);
        giveUp.abort();
        await outcome;
        await expect(harness.runtime().createSandbox(sandboxSpec(), giveUp.signal)).rejects.toMatchObject({ reason: 'Aborted' });
      });
    });

    describe('images', () => {
      test('are found by the names a pod may use, and by id', async () => {
        const image = await harness.runtime().image(harness.image);
        expect(image).toMatchObject({ names: expect.arrayContaining([harness.image]), user: '' });
        expect(image?.bytes).toBeGreaterThan(0);
        expect(await harness.runtime().image(image?.id as string)).toEqual(image);
        expect(await harness.runtime().image('localhost/no-such:1')).toBeUndefined();
        expect((await harness.runtime().images()).map((one) => one.id)).toContain(image?.id);
      });

      test('that a registry does not have give ErrImagePull, a bad name InvalidImageName', async () => {
        await expect(harness.runtime().pullImage(harness.missingImage, undefined)).rejects.toMatchObject({ reason: 'ErrImagePull' });
        await expect(harness.runtime().pullImage('Not:A:Name', undefined)).rejects.toMatchObject({ reason: 'InvalidImageName' });
        await expect(harness.runtime().image('Not:A:Name')).rejects.toMatchObject({ reason: 'InvalidImageName' });
      });
    });

    describe('logs', () => {
      const read = async (id: string, options: RuntimeLogOptions, signal = new AbortController().signal): Promise<string> => {
        const parts: Buffer[] = [];
        for await (const part of harness.runtime().logs(id, options, signal)) parts.push(part);
        return Buffer.concat(parts).toString();
      };
      const writer = async (text: string): Promise<string> => {
        const { state } = await start(container(harness.does.writes(text)));
        await ended(state.id);
        return state.id;
      };

      test('of an ended container: all, the tail, a limit, with times', async () => {
        const id = await writer('one\ntwo\nthree\nno newline');
        expect(await read(id, {})).toBe('one\ntwo\nthree\nno newline');
        expect(await read(id, { follow: true })).toBe('one\ntwo\nthree\nno newline');
        expect(await read(id, { tailLines: 2 })).toBe('three\nno newline');
        expect(await read(id, { tailLines: 0 })).toBe('');
        expect(await read(id, { limitBytes: 6 })).toBe('one\ntw');
        expect(await read(id, { timestamps: true, tailLines: 3 })).toMatch(
          /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z two\n\d{4}\S+Z three\n\d{4}\S+Z no newline$/,
        );
        expect(await read(id, { sinceTime: '2100-01-01T00:00:00Z' })).toBe('');
        expect(await read(id, { sinceSeconds: 3600 })).toContain('one');
      });

      test('follow a running container until it ends', async () => {
        const { state } = await start(container(harness.does.repeats('tick\n')));
        const following = read(state.id, { follow: true });
        await until('some lines', async () => (await read(state.id, {})).length >= 15);
        await harness.runtime().stopContainer(state.id, 0);
        expect(await following).toBe(await read(state.id, {}));
      });

      test('stop following with the signal', async () => {
        const { state } = await start(container(harness.does.repeats('tick\n')));
        const giveUp = new AbortController();
        const following = read(state.id, { follow: true }, giveUp.signal);
        await until('a line', async () => (await read(state.id, {})).length > 0);
        giveUp.abort();
        expect(await following).toMatch(/^(tick\n)*$/);
      });

      test('stop with the signal before the first line too', async () => {
        const { state } = await start(container(harness.does.repeats('tick\n')));
        const giveUp = new AbortController();
        const following = read(state.id, { follow: true }, giveUp.signal);
        giveUp.abort();
        expect(await following).toMatch(/^(tick\n)*$/);
      });

      test('of what is not there are refused', async () => {
        await expect(read('0'.repeat(64), {})).rejects.toMatchObject({ reason: 'NotFound' });
      });
    });

    runtimeStreamsContract(() => harness, { sandboxSpec, container, until }, options);
    if (options.shell) runtimeShellContract(() => harness, { sandboxSpec, container, until });
  });
}

export const plainSandbox: SandboxSpec = {
  namespace: 'default',
  name: 'pod',
  uid: '00000000-0000-4000-8000-000000000000',
  hostname: 'pod',
  labels: { app: 'contract' },
  hostNetwork: false,
  hostPid: false,
  hostIpc: false,
  sharePid: false,
  ip: undefined,
  ports: [],
  hostAliases: [],
  dns: undefined,
  sysctls: {},
};

export const plainContainer: ContainerSpec = {
  name: 'main',
  attempt: 0,
  hash: 'h',
  image: 'localhost/none:1',
  command: undefined,
  args: undefined,
  env: {},
  workingDir: undefined,
  mounts: [],
  cpuLimitMillis: undefined,
  cpuRequestMillis: undefined,
  memoryLimitBytes: undefined,
  tty: false,
  stdin: false,
  runAsUser: undefined,
  runAsGroup: undefined,
  supplementalGroups: [],
  readOnlyRootFilesystem: false,
  privileged: false,
  allowPrivilegeEscalation: true,
  capabilitiesAdd: [],
  capabilitiesDrop: [],
  terminationMessagePath: undefined,
};

async function waitFor(harness: RuntimeHarness, what: string, check: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 600; turn++) {
    if (await check()) return;
    await harness.pass(100);
  }
  throw new Error(`waited in vain for ${what}`);
}
