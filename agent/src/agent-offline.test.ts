import type { ContainerStatus, PodStatus } from '@flotilla/shared/api/generated/types.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { describe, expect, it } from 'vitest';
import { RuntimeError } from '#runtime/types.ts';
import { type Board, makeBoard, makeContainer, makePod } from './agent-harness.ts';

const minute = 60_000;

async function running(board: Board): Promise<string[]> {
  const list = await board.runtime.list();
  return list
    .flatMap(({ name, containers }) => containers.filter(({ status }) => status === 'running').map((one) => `${name}/${one.name}`))
    .sort();
}

/** The power fails, and comes back without the hub. */
async function rebootAlone(board: Board, wallMs?: number): Promise<void> {
  board.hub.cutOff();
  await board.kill('power');
  if (wallMs !== undefined) board.clock.reboot(wallMs);
  await board.boot();
}

const main = (status: PodStatus): ContainerStatus | undefined => status.containerStatuses?.[0];

describe('a board that starts without its hub', () => {
  it('has its pods back after a reboot, with nothing asked of the network', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('a'), makePod('b', { volumes: [{ name: 'v', configMap: { name: 'c' } }] })], {
      configMaps: [{ metadata: { namespace: 'default', name: 'c' }, data: { key: 'x' } } as object],
    });
    await board.pass(2000);
    const pulls = new Map(board.runtime.pulls);
    await rebootAlone(board);
    await board.pass(1000);
    expect(await running(board)).toEqual(['a/main', 'b/main']);
    expect(board.runtime.pulls).toEqual(pulls);
  });

  it('starts pods whose mounted token expired while it was away', async () => {
    const board = await makeBoard();
    const sources = [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }];
    const pod = makePod('p', { serviceAccountName: 'robot', volumes: [{ name: 't', projected: { sources } }] });
    await board.hub.want([pod]);
    await board.pass(2000);
    expect(board.hub.tokens).toBe(1);
    board.hub.cutOff();
    await board.pass(3 * 60 * minute);
    await rebootAlone(board);
    await board.pass(1000);
    expect(await running(board)).toEqual(['p/main']);
    expect(await board.files.readText(`/data/agent/pods/${pod.metadata?.uid}/volumes/t/token`)).toBe('token 1 of robot');
    board.hub.comeBack();
    await board.pass(10 * minute);
    expect(board.hub.tokens).toBe(2);
  });

  it('makes a container again that somebody deleted, from the image it ran with, whatever its pull policy', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('p', { containers: [makeContainer('main', {}, { imagePullPolicy: 'Always' })] })]);
    await board.pass(2000);
    expect([...board.runtime.pulls.values()]).toEqual([1]);
    board.hub.cutOff();
    const [sandbox] = await board.runtime.list();
    await board.runtime.removeContainer(sandbox?.containers[0]?.id ?? '');
    await board.pass(10_000);
    expect(await running(board)).toEqual(['p/main']);
    await rebootAlone(board);
    await board.pass(1000);
    expect(await running(board)).toEqual(['p/main']);
    expect([...board.runtime.pulls.values()]).toEqual([1]);
    board.hub.comeBack();
    await board.pass(2000);
    const message =
      'ImageNotChecked: Container image "localhost/app:1" was not pulled, because this board is offline: the image that this pod ran with before is used';
    expect(board.hub.said('p').filter((text) => text === message)).toHaveLength(2);
  });

  it('uses the image of before when only the registry is away, and not where the registry refuses it or it never ran here', async () => {
    const board = await makeBoard();
    const always = makeContainer('main', {}, { imagePullPolicy: 'Always' });
    const pod = makePod('p', { containers: [always] });
    await board.hub.want([pod]);
    await board.pass(2000);
    const crash = async (): Promise<void> => {
      const [sandbox] = await board.runtime.list();
      board.runtime.kill(sandbox?.containers.find(({ status }) => status === 'running')?.id ?? '');
      await board.pass(1000);
    };
    board.runtime.failNext('pullImage', new RuntimeError('ErrImagePull', 'dial tcp 10.0.0.1:443: connect: connection refused'));
    await crash();
    expect(await running(board)).toEqual(['p/main']);
    expect(board.hub.said('p').join()).toContain('because its registry cannot be reached');
    await board.pass(20 * minute);
    board.runtime.failNext('pullImage', new RuntimeError('ErrImagePull', 'unauthorized: authentication required'));
    await crash();
    expect(await running(board)).toEqual([]);
    await board.pass(20 * minute);
    expect(await running(board)).toEqual(['p/main']);
    // Another image, or another pod, never ran here.
    board.hub.cutOff();
    for (let failure = 0; failure < 2; failure++)
      board.runtime.failNext('pullImage', new RuntimeError('ErrImagePull', 'connect: connection refused'));
    board.hub.reachable = true;
    await board.hub.want([pod, makePod('new', { containers: [always] })]);
    board.hub.reachable = false;
    await board.pass(3000);
    expect(await running(board)).toEqual(['p/main']);
  });
});

describe('what happens while the hub is away', () => {
  it('is told on return: results of pods that ran to completion, and events once and in order, in true times', async () => {
    const board = await makeBoard();
    const job = makePod('job', {
      restartPolicy: 'Never',
      containers: [makeContainer('main', { FAKE_EXIT_AFTER_MS: `${10 * minute}`, FAKE_EXIT_CODE: '3' })],
    });
    // A board without a battery.
    board.clock.reboot(0);
    await board.kill('process');
    await board.boot();
    await board.hub.want([job, makePod('web')]);
    await board.pass(2000);
    board.hub.cutOff();
    const cutMs = board.hub.nowMs;
    await board.pass(8 * minute);
    const [sandbox] = (await board.runtime.list()).filter(({ name }) => name === 'web');
    board.runtime.kill(sandbox?.containers[0]?.id ?? '');
    await board.pass(10 * minute);
    await board.kill('process');
    await board.boot();
    await board.pass(42 * minute);
    const told = board.hub.events.length;
    board.hub.comeBack();
    await board.pass(2000);

    expect(board.hub.status('job')).toMatchObject({ phase: 'Failed' });
    const { startedAt, finishedAt, exitCode } = main(board.hub.status('job'))?.state?.terminated ?? {};
    expect({ startedAt, finishedAt, exitCode }).toEqual({
      startedAt: kubeTime(cutMs - 2000),
      finishedAt: kubeTime(cutMs - 2000 + 10 * minute),
      exitCode: 3,
    });
    expect(main(board.hub.status('web'))).toMatchObject({
      restartCount: 1,
      state: { running: { startedAt: kubeTime(cutMs + 8 * minute) } },
      lastState: { terminated: { finishedAt: kubeTime(cutMs + 8 * minute) } },
    });
    const late = board.hub.events.slice(told);
    expect(late.map(({ reason, wallMs }) => [reason, kubeTime(wallMs)])).toEqual([
      ['Pulled', kubeTime(cutMs + 8 * minute)],
      ['Created', kubeTime(cutMs + 8 * minute)],
      ['Started', kubeTime(cutMs + 8 * minute)],
    ]);
    expect(late.every(({ notBeforeMs, notAfterMs, wallMs }) => notBeforeMs === wallMs && notAfterMs === wallMs)).toBe(true);
    expect(new Set(board.hub.events.map(({ id }) => id)).size).toBe(board.hub.events.length);
  });

  it('in a boot that met no hub is told as an interval', async () => {
    const board = await makeBoard();
    board.clock.reboot(0);
    await board.kill('process');
    await board.boot();
    await board.hub.want([makePod('web')]);
    await board.pass(2000);
    const lastMs = board.hub.nowMs;
    await rebootAlone(board, 0);
    await board.pass(10 * minute);
    await rebootAlone(board, 0);
    await board.pass(minute);
    const told = board.hub.events.length;
    const bootedMs = board.hub.nowMs - minute;
    board.hub.comeBack();
    await board.pass(2000);
    const late = board.hub.events.slice(told);
    const [first] = late;
    expect(first?.notBeforeMs).toBeGreaterThan(lastMs - 5000);
    expect(first?.notBeforeMs).toBeLessThanOrEqual(lastMs);
    expect(first?.notAfterMs).toBe(bootedMs);
    expect(late.at(-1)).toMatchObject({ notBeforeMs: late.at(-1)?.wallMs, notAfterMs: late.at(-1)?.wallMs });
    expect(board.hub.events.every(({ wallMs }) => wallMs > Date.UTC(2025, 0, 1))).toBe(true);
  });

  it('costs an idle board no write, for hours', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('web')]);
    await board.pass(20 * minute);
    board.hub.cutOff();
    const { steps } = board.files;
    await board.pass(6 * 60 * minute);
    expect(board.files.steps).toBe(steps);
  });
});

describe('a full disk (R13)', () => {
  it('from any write on keeps no pod from running, status and events wait in memory, and all is well when there is room', async () => {
    for (const freeBytes of [0, 300, 1_000, 3_000, 10_000]) {
      const board = await makeBoard();
      await board.hub.want([makePod('web')]);
      await board.pass(20_000);
      board.files.capacityBytes = (await used(board)) + freeBytes;
      board.hub.cutOff();
      const [sandbox] = await board.runtime.list();
      board.runtime.kill(sandbox?.containers[0]?.id ?? '');
      await board.pass(2 * minute);
      expect(await running(board)).toEqual(['web/main']);
      // The agent starts on a full disk as well.
      await board.kill('process');
      await board.boot();
      await board.pass(minute);
      expect(await running(board)).toEqual(['web/main']);
      board.files.capacityBytes = Number.POSITIVE_INFINITY;
      await board.pass(10 * minute);
      board.hub.comeBack();
      await board.pass(5000);
      expect(main(board.hub.status('web'))?.restartCount, `${freeBytes} bytes`).toBe(1);
      await board.hub.want([makePod('next')]);
      await board.pass(2 * minute);
      expect(await running(board)).toEqual(['next/main']);
    }
  });
});

async function used({ files }: Board): Promise<number> {
  files.capacityBytes = 2 ** 30;
  const { bytes, freeBytes } = await files.space();
  return bytes - freeBytes;
}
