import { calm } from '@flotilla/hub/broker/simulated/weather.js';
import type { NodeOperation } from '@flotilla/shared/api/fleet/node-operation.js';
import { isOperationFinished } from '@flotilla/shared/api/fleet/node-operation-status.js';
import type { ConfigMap, Pod } from '@flotilla/shared/api/generated/types.js';
import { operationLimits } from '@flotilla/shared/protocol/operation-messages.js';
import { afterEach, describe, expect, it } from 'vitest';
import { type Fleet, startFleet } from './fleet.ts';
import type { SimulatedBoard } from './simulated-board.ts';

let fleet: Fleet;
/** Reboots that were ordered, with the boot they were ordered in. */
let reboots: string[];
let boots: number;
const node = 'board-0';
const board = (): SimulatedBoard => fleet.boards.get(node) as SimulatedBoard;

async function nextBoot(machine: SimulatedBoard): Promise<void> {
  await machine.files.mkdir('/proc/sys/kernel/random');
  await machine.files.writeAtomic('/proc/sys/kernel/random/boot_id', `boot-${++boots}\n`);
}

async function start(seed: number, weather: Partial<Parameters<typeof startFleet>[0]['weather']> = {}): Promise<void> {
  reboots = [];
  boots = 0;
  fleet = await startFleet({
    seed,
    boards: 1,
    traced: false,
    weather: { delayMs: 100, duplicate: 0, lose: 0, disconnect: 0, ...weather },
    exec: (machine) => ({
      run: async (command, args) => {
        reboots.push(`boot-${boots}: ${[command, ...args].join(' ')}`);
        fleet.clock.after('the machine goes down', 2000, () => void reboot(machine));
        return { code: 0, stdout: Buffer.alloc(0), stderr: '', truncated: false };
      },
    }),
  });
  fleet.hub.admin.informer<NodeOperation>('fleet.flotilla.dev', 'nodeoperations');
  fleet.hub.admin.informer<Pod>('', 'pods');
  // The agent reads its boot id as it starts.
  board().kill();
  await nextBoot(board());
  await board().start();
  await fleet.clock.advance(60_000);
}

async function reboot(machine: SimulatedBoard): Promise<void> {
  machine.powerCut();
  await nextBoot(machine);
  await machine.start();
}

afterEach(() => fleet.stop());

const operations = () => fleet.hub.admin.resource<NodeOperation>('fleet.flotilla.dev', 'nodeoperations');
const get = (name = 'op') => fleet.hub.admin.informer<NodeOperation>('fleet.flotilla.dev', 'nodeoperations').get(name);
const phase = (name = 'op') => get(name)?.status?.phase;
const order = (spec: Partial<NodeOperation['spec']> = {}, name = 'op') =>
  operations().create('', { metadata: { name }, spec: { nodeName: node, action: 'Reboot', ...spec } });
const cutOff = (cut: boolean) => fleet.broker.partition(node, cut);
const pod = (name: string, restartPolicy = 'Always'): Pod => ({
  metadata: { name, namespace: 'default' },
  spec: {
    nodeName: node,
    restartPolicy,
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    containers: ['one', 'two'].map((container) => ({ name: container, image: 'localhost/app:1' })),
  },
});

describe('an operation for a board', () => {
  it('that is there is done at once, and proven', async () => {
    await start(1);
    await order();
    await fleet.clock.advance(120_000);
    expect(reboots).toEqual(['boot-1: systemctl reboot']);
    expect(get()?.status).toMatchObject({
      phase: 'Succeeded',
      message: 'The board has booted anew.',
      result: { bootIDBefore: 'boot-1', bootIDAfter: 'boot-2' },
      conditions: [{ type: 'Complete', status: 'True', reason: 'Succeeded' }],
    });
    const { deliveryTime = '', startTime = '', completionTime = '' } = get()?.status ?? {};
    expect(deliveryTime <= startTime && startTime < completionTime).toBe(true);
  });

  it('that is away waits for it, over a restart of the hub', async () => {
    await start(2);
    cutOff(true);
    await fleet.clock.advance(120_000);
    await order();
    await fleet.clock.advance(3_600_000);
    expect([phase(), reboots]).toEqual(['Pending', []]);
    fleet.crashHub();
    await fleet.startHub();
    fleet.hub.admin.informer('fleet.flotilla.dev', 'nodeoperations');
    cutOff(false);
    await fleet.clock.advance(300_000);
    expect([phase(), reboots.length]).toEqual(['Succeeded', 1]);
  });

  it('that comes too late is not done, whatever the clock of the board says', async () => {
    await start(3);
    board().machine.wallOffsetMs = -400 * 86_400_000;
    cutOff(true);
    await order({ ttlSeconds: 600 });
    await fleet.clock.advance(700_000);
    expect(phase()).toBe('Expired');
    cutOff(false);
    await fleet.clock.advance(300_000);
    expect([phase(), reboots]).toEqual(['Expired', []]);
  });

  it('that was cancelled or deleted while it waited is not done', async () => {
    await start(4);
    cutOff(true);
    await order();
    await order({}, 'deleted');
    await operations().update('', 'op', (latest) => ({ ...latest, spec: { ...latest.spec, cancel: true } }));
    await operations().delete('', 'deleted');
    cutOff(false);
    await fleet.clock.advance(300_000);
    expect([phase(), reboots]).toEqual(['Cancelled', []]);
  });

  it('that boots without its hub does nothing of what it was told before', async () => {
    await start(5);
    // The hub's answer does not arrive, and then the board is alone.
    fleet.broker.condition(node, { silent: 'down' });
    await order();
    await fleet.clock.advance(20_000);
    cutOff(true);
    await reboot(board());
    await fleet.clock.advance(3_600_000);
    expect(reboots).toEqual([]);
  });

  it('whose agent dies between the journal and the proof ends as Unknown, and is not done again', async () => {
    await start(6);
    await order();
    for (let waited = 0; reboots.length === 0 && waited < 100; waited++) await fleet.clock.advance(100);
    board().kill();
    await board().start();
    await fleet.clock.advance(1000);
    // The order stood: the machine goes down afterwards, and what the journal says then stays.
    await fleet.clock.advance(300_000);
    expect([phase(), reboots.length]).toEqual(['Unknown', 1]);
    expect(get()?.status?.conditions?.[0]).toMatchObject({ type: 'Failed', reason: 'Unknown' });
  });

  it('that was deleted with its operation is unknown no longer than its node', async () => {
    await start(7);
    await order();
    for (let waited = 0; phase() !== 'Running' && waited < 100; waited++) await fleet.clock.advance(100);
    await operations().delete('', 'op');
    await fleet.clock.advance(300_000);
    expect(reboots).toHaveLength(1);
    expect(get()).toBeUndefined();
  });
});

describe('a pod', () => {
  const made = (name: string) => fleet.hub.admin.informer<Pod>('', 'pods').get(`default/${name}`);
  const counts = (name: string) => made(name)?.status?.containerStatuses?.map(({ restartCount }) => restartCount);

  it('is restarted in place: every container once, the same uid, without back-off', async () => {
    await start(11);
    await fleet.hub.admin.resource<Pod>('', 'pods').create('default', pod('web'));
    await fleet.clock.advance(30_000);
    const uid = made('web')?.metadata?.uid;
    for (const [turn, name] of ['first', 'second', 'third'].entries()) {
      await order({ action: 'RestartPod', pod: { namespace: 'default', name: 'web' } }, name);
      await fleet.clock.advance(8_000);
      expect(get(name)?.status).toMatchObject({
        phase: 'Succeeded',
        message: 'Pod default/web was restarted.',
        result: {
          restartedContainers: [
            { name: 'one', restartCount: turn + 1 },
            { name: 'two', restartCount: turn + 1 },
          ],
        },
      });
      expect([counts('web'), made('web')?.metadata?.uid]).toEqual([[turn + 1, turn + 1], uid]);
    }
  });

  it('that runs to its end, is another one or is not there is left alone', async () => {
    await start(12);
    await fleet.hub.admin.resource<Pod>('', 'pods').create('default', pod('once', 'Never'));
    await fleet.hub.admin.resource<Pod>('', 'pods').create('default', pod('web'));
    await fleet.clock.advance(30_000);
    const of = (name: string, uid?: string) => ({ namespace: 'default', name, ...(uid ? { uid } : {}) });
    await order({ action: 'RestartPod', pod: of('once') }, 'once');
    await order({ action: 'RestartPod', pod: of('web', 'another') }, 'other');
    await order({ action: 'RestartPod', pod: of('nothing') }, 'missing');
    await fleet.clock.advance(10_000);
    expect(['once', 'other', 'missing'].map((name) => get(name)?.status?.message)).toEqual([
      'Pod default/once has restartPolicy Never: what runs to its end is not restarted.',
      'Pod default/web with uid another does not run on this board.',
      'Pod default/nothing does not run on this board.',
    ]);
    expect(phase('once')).toBe('Failed');
    expect(counts('web')).toEqual([0, 0]);
  });
});

describe('diagnostics', () => {
  it('tell of the board and of nothing that is secret, and go with their operation', async () => {
    await start(21);
    const secret = { metadata: { name: 's' }, data: { password: Buffer.from('hunter2').toString('base64') } };
    await fleet.hub.admin.resource('', 'secrets').create('default', secret);
    const withSecret = pod('web');
    const [first] = withSecret.spec?.containers ?? [];
    if (first) first.env = [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 's', key: 'password' } } }];
    await fleet.hub.admin.resource<Pod>('', 'pods').create('default', withSecret);
    fleet.hub.admin.informer<ConfigMap>('', 'configmaps');
    await fleet.clock.advance(30_000);
    await order({ action: 'CollectDiagnostics' }, 'look');
    await fleet.clock.advance(5_000);
    expect(get('look')?.status).toMatchObject({
      phase: 'Succeeded',
      result: { configMap: { namespace: 'kube-system', name: 'nodeop-look' } },
    });
    const kept = () => fleet.hub.admin.informer<ConfigMap>('', 'configmaps').get('kube-system/nodeop-look');
    const text = kept()?.data?.['report.json'] ?? '';
    expect(text.length).toBeLessThanOrEqual(operationLimits.diagnosticsBytes);
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('PASSWORD');
    expect(JSON.parse(text)).toMatchObject({
      node,
      agent: { generation: { revision: expect.any(Number) }, sessions: expect.any(Array) },
      pods: [{ name: 'web', phase: 'Running', containers: [{ name: 'one', restartCount: 0 }, { name: 'two' }] }],
      runtime: { name: 'fake' },
      log: expect.arrayContaining([expect.stringContaining('the agent runs')]),
    });
    await operations().delete('', 'look');
    await fleet.clock.advance(60_000);
    expect(kept()).toBeUndefined();
  });
});

describe('in bad weather, with crashes', () => {
  it.each([31, 32, 33, 34, 35, 36])('nothing is done twice, everything ends, and no end is a lie (seed %i)', async (seed) => {
    await start(seed, { delayMs: 3000, duplicate: 0.2, lose: 0.2, disconnect: 0.02, truncate: 0.02, hostile: 0.05 });
    const names = Array.from({ length: 6 }, (_, index) => `op-${index}`);
    for (const [index, name] of names.entries()) {
      await order({ ttlSeconds: 86_400 }, name);
      if (index % 3 === 0) board().killAtWrite((seed * 7 + index * 5) % 40);
      board().onKilledAtWrite = () => {
        board().kill();
        fleet.clock.after('service manager', 5000, () => void board().start());
      };
      if (index % 3 === 1) {
        fleet.crashHub();
        await fleet.clock.advance(10_000);
        await fleet.startHub();
        fleet.hub.admin.informer('fleet.flotilla.dev', 'nodeoperations');
      }
      await fleet.clock.advance(240_000);
    }
    fleet.broker.weather = calm;
    for (let waited = 0; waited < 60 && !names.every((name) => isOperationFinished(get(name) as NodeOperation)); waited++)
      await fleet.clock.advance(60_000);
    const phases = names.map((name) => phase(name));
    expect(phases.every((found) => found === 'Succeeded' || found === 'Unknown')).toBe(true);
    const succeeded = phases.filter((found) => found === 'Succeeded').length;
    expect(reboots.length).toBeLessThanOrEqual(names.length);
    expect(reboots.length).toBeGreaterThanOrEqual(succeeded);
  });
});
