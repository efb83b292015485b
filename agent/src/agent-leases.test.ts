import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { describe, expect, it } from 'vitest';
import { type Board, makeBoard, makePod } from './agent-harness.ts';

const leased = (spec: Partial<NonNullable<Pod['spec']>> = {}): Pod =>
  makePod(
    'only',
    { terminationGracePeriodSeconds: 5, ...spec },
    {
      annotations: { 'fleet.flotilla.dev/when-offline': 'Stop', 'fleet.flotilla.dev/offline-after': '60s' },
    },
  );
const running = async (board: Board): Promise<string[]> =>
  (await board.runtime.list())
    .flatMap(({ name, containers }) => containers.filter(({ status }) => status === 'running').map(() => name))
    .sort();
const waiting = (board: Board) => board.hub.status('only').containerStatuses?.[0]?.state?.waiting;

describe('a pod that stops with its lease', () => {
  it('runs when the hub has granted it one, and as long as that is renewed', async () => {
    const board = await makeBoard();
    const pod = leased();
    const uid = pod.metadata?.uid;
    await board.hub.want([pod, makePod('other')]);
    await board.pass(1000);
    expect(await running(board)).toEqual(['other']);
    expect(board.hub.asked[0]).toMatchObject({ held: [], void: [uid], bootId: 'boot' });
    expect(waiting(board)).toEqual({ reason: 'LeaseExpired', message: 'waiting for the hub to renew the lease of this pod' });
    board.hub.termMs = 60_000;
    await board.pass(5000);
    expect(await running(board)).toEqual(['only', 'other']);
    const asked = board.hub.asked.length;
    await board.pass(600_000);
    // Every third of the term, for all pods at once.
    expect(board.hub.asked.length - asked).toBe(30);
    expect(board.hub.asked.at(-1)).toMatchObject({ held: [uid], void: [] });
    expect(new Set(board.hub.asked.map(({ nonce }) => nonce)).size).toBe(board.hub.asked.length);
    expect(board.runtime.starts.get('default/only/main')).toBe(1);
    expect(board.hub.said('only').some((text) => text.startsWith('LeaseExpired'))).toBe(false);
  });

  it('is stopped gracefully before its end when the hub is away, and runs again when it is back', async () => {
    const board = await makeBoard();
    board.hub.termMs = 60_000;
    await board.hub.want([leased()]);
    await board.pass(10_000);
    // The last term began when it was asked for.
    const untilMs = 60_000;
    board.hub.cutOff();
    await board.pass(untilMs - 10_000 - 6000);
    expect(await running(board)).toEqual(['only']);
    await board.pass(2000);
    expect(await running(board)).toEqual([]);
    const [container] = (await board.runtime.list()).flatMap(({ containers }) => containers);
    expect(container?.exitCode).toBe(143);
    await board.pass(3600_000);
    expect(await running(board)).toEqual([]);
    board.hub.comeBack();
    await board.pass(30_000);
    expect(await running(board)).toEqual(['only']);
    expect(board.hub.said('only')).toContain('LeaseExpired: Stopped with its lease; runs again when the hub renews it');
    expect(board.hub.status('only').containerStatuses?.[0]).toMatchObject({ restartCount: 1, state: { running: {} } });
  });

  it('is killed at its end when it does not stop by itself, and sooner told so only if it is to be restarted', async () => {
    const board = await makeBoard();
    board.runtime.script('localhost/app:1', { present: true, onTerm: 'ignore' });
    board.hub.termMs = 60_000;
    await board.hub.want([leased({ restartPolicy: 'Never' })]);
    await board.pass(10_000);
    board.hub.cutOff();
    await board.pass(49_000);
    expect(await running(board)).toEqual(['only']);
    await board.pass(2000);
    expect(await running(board)).toEqual([]);
    board.hub.comeBack();
    await board.pass(60_000);
    expect(await running(board)).toEqual([]);
    expect(board.hub.status('only')).toMatchObject({ phase: 'Failed' });
  });

  it('goes on with the next agent of the same boot, until the same end', async () => {
    const board = await makeBoard();
    board.hub.termMs = 60_000;
    await board.hub.want([leased()]);
    await board.pass(10_000);
    board.hub.cutOff();
    await board.kill();
    await board.boot();
    await board.pass(30_000);
    expect(await running(board)).toEqual(['only']);
    expect(board.runtime.starts.get('default/only/main')).toBe(1);
    await board.pass(20_000);
    expect(await running(board)).toEqual([]);
  });

  it('does not run after a reboot before the hub has granted it anew', async () => {
    const board = await makeBoard();
    board.hub.termMs = 60_000;
    await board.hub.want([leased(), makePod('other')]);
    await board.pass(1000);
    const state = await board.files.readText('/data/agent/leases/state');
    board.hub.cutOff();
    await board.kill('power');
    // Even where the folder is on a disk.
    await board.files.mkdir('/data/agent/leases');
    await board.files.write('/data/agent/leases/state', state ?? '');
    await board.boot();
    await board.pass(30_000);
    expect(await running(board)).toEqual(['other']);
    board.hub.comeBack();
    await board.pass(30_000);
    expect(await running(board)).toEqual(['only', 'other']);
  });

  it('does not run on when its start took longer than its lease', async () => {
    const board = await makeBoard();
    board.runtime.script('localhost/app:1', { present: true, startMs: 90_000 });
    board.hub.termMs = 60_000;
    await board.hub.want([leased()]);
    await board.pass(1000);
    board.hub.cutOff();
    await board.pass(200_000);
    expect(board.runtime.starts.get('default/only/main')).toBe(1);
    expect(await running(board)).toEqual([]);
  });

  it('is started only where the guard runs and knows where to find it', async () => {
    let broken = true;
    const board = await makeBoard({
      guard: {
        ensure: async () => {
          if (broken) throw new Error('there is no shell');
        },
      },
    });
    board.hub.termMs = 60_000;
    const pod = leased();
    await board.hub.want([pod]);
    await board.pass(30_000);
    expect(await running(board)).toEqual([]);
    expect(waiting(board)).toEqual({ reason: 'CreateContainerError', message: 'there is no shell' });
    broken = false;
    await board.pass(30_000);
    expect(await running(board)).toEqual(['only']);
    expect(await board.files.readText('/data/agent/leases/state')).toMatch(
      new RegExp(`^boot-0\n${pod.metadata?.uid} \\d+ 60000 /fake/${pod.metadata?.uid}\n$`),
    );
    await board.hub.want([]);
    await board.pass(30_000);
    expect(await board.files.readText('/data/agent/leases/state')).toBe('boot-0\n');
  });

  it('is not started where no cgroup is its alone', async () => {
    const board = await makeBoard();
    board.hub.termMs = 60_000;
    board.runtime.cgroupOf = async () => '/';
    await board.hub.want([leased(), makePod('other')]);
    await board.pass(30_000);
    expect(await running(board)).toEqual(['other']);
    expect(waiting(board)).toEqual({
      reason: 'CreateContainerError',
      message: 'no pod is alone in the cgroup "/": its lease could not be enforced',
    });
  });

  it('costs a board without one nothing', async () => {
    const board = await makeBoard({ guard: { ensure: () => expect.fail('there is nothing to guard') } });
    await board.hub.want([makePod('other')]);
    await board.pass(3600_000);
    expect(board.hub.asked).toEqual([]);
    expect(await board.files.readText('/data/agent/leases/state')).toBeUndefined();
  });
});
