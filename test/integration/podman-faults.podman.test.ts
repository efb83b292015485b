import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { PodmanRuntime } from '@flotilla/agent/runtime/podman/podman-runtime.js';
import { plainContainer, plainSandbox } from '@flotilla/agent/runtime/runtime.contract.js';
import { podLabels } from '@flotilla/agent/runtime/types.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../harness/free-port.ts';
import { demoImages } from '../harness/images.ts';
import { type PodmanPlace, podmanPlace } from '../harness/podman.ts';
import { registryUser, type TestRegistry, testRegistry } from '../harness/registry.ts';

let place: PodmanPlace;
let registry: TestRegistry;
let image: string;
let runtime: PodmanRuntime;

beforeAll(async () => {
  place = await podmanPlace();
  registry = await testRegistry();
  await writeFile(join(place.dir, 'registries.conf'), registry.registriesConf);
  image = (await demoImages(place)).one;
  await started();
});

afterEach(async () => {
  for (const sandbox of await runtime.list()) await runtime.removeSandbox(sandbox.id);
});

afterAll(async () => {
  await runtime?.close();
  await registry?.close();
  await place?.close();
});

function client(): PodmanRuntime {
  return new PodmanRuntime({
    clock: new SystemClock(),
    exec: new SystemExec(),
    log: silentLogger,
    dataDir: join(place.dir, 'agent'),
    runDir: join(place.dir, 'r'),
    env: { ...process.env, CONTAINERS_REGISTRIES_CONF: join(place.dir, 'registries.conf') },
    storage: place.storage,
  });
}

/** A client as after a restart of the agent; the one before it is closed, as two would end each other's API service. */
async function started(podCIDR = '10.213.9.0/28'): Promise<PodmanRuntime> {
  await runtime?.close();
  const fresh = client();
  runtime = fresh;
  await fresh.start();
  await fresh.setPodCidr(podCIDR);
  return fresh;
}

/** The API service that serves our socket; 0 when none does. */
async function servicePid(): Promise<number> {
  const socketPath = join(place.dir, 'r/podman.sock');
  for (const pid of await readdir('/proc')) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(`unix://${socketPath}\0`)) return Number(pid);
  }
  return 0;
}

const forEver = {
  ...plainContainer,
  command: ['sleep', '1000'],
  get image() {
    return image;
  },
};
const uid = (n: number): string => `11111111-0000-4000-8000-${String(n).padStart(12, '0')}`;

describe('the API service', () => {
  test('is started anew when it dies, and no container notices', async () => {
    const sandbox = await runtime.createSandbox({ ...plainSandbox, uid: uid(1) });
    const container = await runtime.createContainer(sandbox, forEver);
    const told: (string | undefined)[] = [];
    const watch = runtime.watch((pod) => told.push(pod));
    const pid = await servicePid();
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => told.includes(undefined), { timeout: 60_000 }).toBe(true);
    expect(await servicePid()).not.toBe(pid);
    expect(await runtime.list()).toMatchObject([{ id: sandbox.id, containers: [{ id: container.id, status: 'running' }] }]);
    watch.stop();
  });

  test('of an agent that was killed is ended, and no container notices', async () => {
    const sandbox = await runtime.createSandbox({ ...plainSandbox, uid: uid(2) });
    // It says when it would hear the signal that ends it, and ends when everybody listens.
    const command = ['sh', '-c', 'trap "exit 7" TERM; echo listening; while :; do sleep 0.1; done'];
    const container = await runtime.createContainer(sandbox, { ...forEver, command });
    await expect.poll(() => place.podman('logs', container.id), { timeout: 60_000 }).toContain('listening');
    await runtime.close();
    const left = spawn('podman', [...place.flags, 'system', 'service', '--time=0', `unix://${join(place.dir, 'r/podman.sock')}`], {
      env: { ...place.env } as NodeJS.ProcessEnv,
      stdio: 'ignore',
    });
    const ended = once(left, 'exit');
    await expect.poll(servicePid, { timeout: 60_000 }).toBe(left.pid);
    const second = await started();
    await ended;
    const told: (string | undefined)[] = [];
    second.watch((pod) => told.push(pod));
    expect(await second.list()).toMatchObject([{ id: sandbox.id, containers: [{ id: container.id, status: 'running' }] }]);
    await place.podman('kill', '--signal', 'TERM', container.id);
    await expect.poll(() => told.includes(uid(2)), { timeout: 60_000 }).toBe(true);
    await expect.poll(() => second.list(), { timeout: 60_000 }).toMatchObject([{ containers: [{ status: 'exited', exitCode: 7 }] }]);
  });
});

describe('processes that were killed together with what watches over them', () => {
  const pids = async (id: string): Promise<{ readonly conmon: number; readonly own: number }> => {
    const [conmon, own] = (await place.podman('inspect', '--format', '{{.State.ConmonPid}} {{.State.Pid}}', id)).split(' ').map(Number);
    return { conmon: conmon ?? expect.fail('no conmon'), own: own ?? expect.fail('no process') };
  };
  const kill = (...which: number[]): void => {
    for (const pid of which) process.kill(pid, 'SIGKILL');
  };

  test('a container is seen to have ended, and can be removed and made again', async () => {
    const sandbox = await runtime.createSandbox({ ...plainSandbox, uid: uid(40) });
    const first = await runtime.createContainer(sandbox, forEver);
    const { conmon, own } = await pids(first.id);
    kill(conmon, own);
    await expect
      .poll(() => runtime.list(), { timeout: 60_000 })
      .toMatchObject([
        { ready: true, containers: [{ id: first.id, status: 'exited', exitCode: 137, finishedWallMs: expect.any(Number) }] },
      ]);
    const second = await runtime.createContainer(sandbox, { ...forEver, attempt: 1 });
    await runtime.removeContainer(first.id);
    expect(await runtime.list()).toMatchObject([{ containers: [{ id: second.id, status: 'running' }] }]);
  });

  test('one that only lost what watches over it runs on', async () => {
    const sandbox = await runtime.createSandbox({ ...plainSandbox, uid: uid(41) });
    const container = await runtime.createContainer(sandbox, forEver);
    const { conmon, own } = await pids(container.id);
    kill(conmon);
    expect(await runtime.list()).toMatchObject([{ containers: [{ id: container.id, status: 'running' }] }]);
    kill(own);
    await expect.poll(() => runtime.list(), { timeout: 60_000 }).toMatchObject([{ containers: [{ status: 'exited' }] }]);
  });

  test('a pod without its network is not ready, and is made anew', async () => {
    const sandbox = await runtime.createSandbox({ ...plainSandbox, uid: uid(42) });
    const container = await runtime.createContainer(sandbox, forEver);
    const infra = (await place.podman('pod', 'inspect', '--format', '{{.InfraContainerID}}', sandbox.id)).trim();
    const all = [await pids(container.id), await pids(infra)];
    kill(...all.flatMap(({ conmon, own }) => [conmon, own]));
    await expect.poll(() => runtime.list(), { timeout: 60_000 }).toMatchObject([{ ready: false, containers: [{ status: 'exited' }] }]);
    await runtime.removeSandbox(sandbox.id);
    const fresh = await runtime.createSandbox({ ...plainSandbox, uid: uid(42) });
    await runtime.createContainer(fresh, { ...forEver, attempt: 1 });
    expect(await runtime.list()).toMatchObject([{ ready: true, containers: [{ status: 'running' }] }]);
  });
});

describe('what an agent left half made', () => {
  test('a pod that was never started is adopted, or can be removed', async () => {
    const [sandbox] = await Promise.all([runtime.createSandbox({ ...plainSandbox, uid: uid(3) })]);
    await place.podman('pod', 'stop', '--time', '0', sandbox.id);
    expect(await runtime.list()).toMatchObject([{ id: sandbox.id, ready: false }]);
    const again = await runtime.createSandbox({ ...plainSandbox, uid: uid(3) });
    expect(again).toMatchObject({ id: sandbox.id, ready: true, ip: sandbox.ip });
  });

  test('a container that was created only is started by the same call', async () => {
    const sandbox = await runtime.createSandbox({ ...plainSandbox, uid: uid(4) });
    const name = `k8s_main_pod_default_${uid(4)}_0`;
    const labels = Object.entries({ [podLabels.uid]: uid(4), [podLabels.container]: 'main' }).flatMap(([key, value]) => [
      '--label',
      `${key}=${value}`,
    ]);
    await place.podman('create', '--pod', sandbox.id, '--name', name, ...labels, image, 'sleep', '1000');
    expect(await runtime.createContainer(sandbox, forEver)).toMatchObject({ status: 'running', attempt: 0 });
  });

  test('a container that somebody removed is simply not there', async () => {
    const sandbox = await runtime.createSandbox({ ...plainSandbox, uid: uid(5) });
    const { id } = await runtime.createContainer(sandbox, forEver);
    const told: (string | undefined)[] = [];
    const watch = runtime.watch((pod) => told.push(pod));
    await place.podman('rm', '--force', '--time', '0', id);
    await expect.poll(() => told.includes(uid(5)), { timeout: 60_000 }).toBe(true);
    expect(await runtime.list()).toMatchObject([{ containers: [] }]);
    watch.stop();
  });
});

describe('the pod network', () => {
  test('has no more addresses than the podCIDR, and says so', async () => {
    const small = await started('10.213.9.32/29');
    for (let n = 0; n < 5; n++) await small.createSandbox({ ...plainSandbox, uid: uid(100 + n), name: `p${n}` });
    await expect(small.createSandbox({ ...plainSandbox, uid: uid(200) })).rejects.toMatchObject({
      reason: 'CreatePodSandboxError',
      message: 'no address is left in 10.213.9.32/29',
    });
  });

  test('moves with the podCIDR while old pods keep their addresses', async () => {
    const old = await runtime.createSandbox({ ...plainSandbox, uid: uid(6), name: 'old' });
    const moved = await started('10.213.9.48/28');
    const fresh = await moved.createSandbox({ ...plainSandbox, uid: uid(7), name: 'new' });
    expect(fresh.ip).toMatch(/^10\.213\.9\.(4[89]|5\d|6[0-3])$/);
    expect((await moved.list()).find((one) => one.uid === old.uid)).toMatchObject({ ip: old.ip, ready: true });
    for (const sandbox of await moved.list()) await moved.removeSandbox(sandbox.id);
    await started();
    expect(await place.podman('network', 'ls', '--quiet')).not.toContain('10.213.9.48');
  });

  test('that is the host’s already is refused with a reason', async () => {
    await expect(client().setPodCidr('10.213.9.0/28')).rejects.toMatchObject({ reason: 'Unavailable' });
    await expect(runtime.setPodCidr('127.0.0.0/29')).rejects.toMatchObject({ reason: 'NetworkNotReady' });
    await expect(runtime.setPodCidr('nonsense')).rejects.toMatchObject({ reason: 'NetworkNotReady' });
    await runtime.setPodCidr('10.213.9.0/28');
  });

  test('a hostPort leads to the pod', async () => {
    const hostPort = await freePort();
    const ports = [{ containerPort: 8080, hostPort, protocol: 'TCP' as const, hostIP: '127.0.0.1' }];
    const sandbox = await runtime.createSandbox({ ...plainSandbox, uid: uid(8), ports });
    await runtime.createContainer(sandbox, { ...plainContainer, image, env: { GREETING: 'ahoy' } });
    await expect.poll(() => get(hostPort, '/env'), { timeout: 60_000, interval: 200 }).toContain('GREETING=ahoy');
    expect(await get(hostPort, '/')).toContain('flotilla-demo version 1');
  });
});

describe('pulling', () => {
  const name = (): string => `${registry.host}/app:1`;

  test('an image, with and without a password', async () => {
    expect(await runtime.image(name())).toBeUndefined();
    expect(await runtime.pullImage(name(), undefined)).toMatchObject({ names: expect.arrayContaining([name()]), user: '1000:1000' });
    registry.mood = 'wants a password';
    await expect(runtime.pullImage(name(), undefined)).rejects.toMatchObject({ reason: 'ErrImagePull' });
    expect((await runtime.pullImage(name(), registryUser)).names).toContain(name());
    registry.mood = 'well';
  });

  test.each([
    ['error 503', /503/],
    ['layer is corrupt', /./],
    ['layer breaks off', /./],
  ] as const)('says why it failed: %s', async (mood, words) => {
    await place.podman('rmi', '--force', name()).catch(() => {});
    registry.mood = mood;
    await expect(runtime.pullImage(name(), undefined)).rejects.toMatchObject({
      reason: 'ErrImagePull',
      message: expect.stringMatching(words),
    });
    registry.mood = 'well';
    expect((await runtime.pullImage(name(), undefined)).names).toContain(name());
  });

  test('what the registry does not have', async () => {
    await expect(runtime.pullImage(`${registry.host}/none:1`, undefined)).rejects.toMatchObject({
      reason: 'ErrImagePull',
      message: expect.stringContaining('manifest unknown'),
    });
  });
});

function get(port: number, path: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(`GET ${path} HTTP/1.0\r\n\r\n`));
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
  });
}
