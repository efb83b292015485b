import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ConfigMap, Deployment, Pod } from '@flotilla/shared/api/generated/types.js';
import { type Fleet, startFleet } from '../simulation/fleet.ts';
import type { Lab, LabGoal, Shared } from './lab-goal.ts';

const boards = 5;
const apps = 4;
const changes = 24;
const roundMs = 2 * 3_600_000;
const changeMs = 3_000;
/** What is filled, compiled and remembered once is there after so many rounds. */
const warmRounds = 2;
const warmMemoryRounds = 24;
const memoryLooks = 6;
/** The history that a hub keeps for watches fills up over days; what each of thousands of changes left behind would be far more. */
const mostGrowthBytes = 32 * 1024 * 1024;

interface Sizes {
  readonly hubTimers: number;
  readonly boardTimers: number;
  readonly connections: number;
  readonly stored: number;
}

/** One fleet that lives through all rounds. */
class Soak implements Shared {
  readonly fleet: Fleet;
  rounds = 0;
  /** The largest of the first rounds. */
  first: Sizes | undefined;
  /** What was in use each time it was looked at. */
  readonly bytes: number[] = [];
  #serial = 0;

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  close(): Promise<void> {
    return this.fleet.stop();
  }

  change(chance: number, which: number): void {
    const { admin } = this.fleet.hub;
    const name = `app-${Math.floor(which * apps)}`;
    const told = (work: Promise<unknown>): void => void work.catch(() => {});
    const number = ++this.#serial;
    if (chance < 0.3) {
      const replicas = 1 + Math.floor((chance / 0.3) * 4);
      const deployments = admin.resource<Deployment>('apps', 'deployments');
      told(deployments.update('default', name, (now) => ({ ...now, spec: { ...(now.spec as object), replicas } }) as Deployment));
      return;
    }
    if (chance < 0.6) {
      const maps = admin.resource<ConfigMap>('', 'configmaps');
      told(maps.update('default', 'settings', (now) => ({ ...now, data: { number: String(number), text: 'x'.repeat(1_000) } })));
      return;
    }
    const pods = admin.resource<Pod>('', 'pods');
    const all = admin.informer<Pod>('', 'pods').list('default');
    const victim = all[Math.floor(which * all.length)]?.metadata?.name;
    if (victim) told(pods.delete('default', victim));
  }

  sizes(): Sizes {
    const { fleet } = this;
    const all = [...fleet.boards.values()];
    return {
      hubTimers: fleet.hubTimers,
      boardTimers: Math.max(...all.map(({ timers }) => timers)),
      connections: fleet.broker.lines,
      stored: fleet.store.backup().items.length,
    };
  }
}

async function begin(): Promise<Soak> {
  const fleet = await startFleet({ seed: 17, boards, traced: false, disk: () => ({ historyLimit: 2_000 }) });
  const { admin } = fleet.hub;
  await admin
    .resource<ConfigMap>('', 'configmaps')
    .create('default', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' } });
  for (let app = 0; app < apps; app++) {
    const labels = { app: `app-${app}` };
    await admin.resource<Deployment>('apps', 'deployments').create('default', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: `app-${app}` },
      spec: {
        replicas: 3,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            automountServiceAccountToken: false,
            terminationGracePeriodSeconds: 1,
            containers: [{ name: 'main', image: 'localhost/app:1', envFrom: [{ configMapRef: { name: 'settings' } }] }],
          },
        },
      },
    });
  }
  await fleet.clock.advance(60_000);
  return new Soak(fleet);
}

async function round(_seed: number, lab: Lab, plant: (soak: Soak) => void = () => {}): Promise<void> {
  const { random, tally } = lab;
  const soak = await lab.once('soak', begin);
  const { fleet } = soak;
  const { clock } = fleet;
  const any = (): string => `board-${Math.floor(random.next() * boards)}`;
  const beganMs = clock.monotonicMs();
  for (let change = 0; change < changes; change++) {
    soak.change(random.next(), random.next());
    const turn = random.next();
    if (turn < 0.05) {
      const node = any();
      tally.fault('cut off');
      fleet.broker.partition(node, true);
      clock.after('line back', 30_000, () => fleet.broker.partition(node, false));
    } else if (turn < 0.07) {
      const board = fleet.boards.get(any());
      tally.fault('agent killed');
      board?.kill();
      await board?.start();
    } else if (turn < 0.08) {
      tally.fault('hub killed');
      fleet.crashHub();
      await clock.advance(2_000);
      await fleet.startHub();
    }
    await clock.advance(changeMs);
  }
  plant(soak);
  await clock.advance(Math.max(0, beganMs + roundMs - clock.monotonicMs()));
  soak.rounds++;
  look(soak, lab);
}

function look(soak: Soak, { tally, log }: Lab): void {
  const now = soak.sizes();
  const { first } = soak;
  if (!first || soak.rounds <= warmRounds) {
    soak.first = Object.fromEntries(
      Object.entries(now).map(([name, size]) => [name, Math.max(size, first?.[name as keyof Sizes] ?? 0)]),
    ) as unknown as Sizes;
  } else {
    for (const [name, size] of Object.entries(now) as [keyof Sizes, number][]) {
      tally.invariant(`${name} stay`);
      // What runs changes from round to round; what only grows passes any bound.
      const most = first[name] * 1.5 + 20;
      if (size > most) throw new Error(`${name} stay: ${size} after ${soak.rounds} rounds, ${first[name]} at first`);
    }
  }
  if (soak.rounds < warmMemoryRounds || soak.rounds % 4 !== 0) return;
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const bytes = heapUsed + arrayBuffers;
  soak.bytes.push(bytes);
  if (soak.bytes.length >= 2 * memoryLooks) {
    tally.invariant('memory stays');
    // A hub that was killed is garbage only when the last that waits for it is: what counts is the least of several looks.
    const grewBytes = Math.min(...soak.bytes.slice(-memoryLooks)) - Math.min(...soak.bytes.slice(0, memoryLooks));
    if (grewBytes > mostGrowthBytes) throw new Error(`memory stays: it grew by ${Math.round(grewBytes / 1024)} KiB`);
  }
  if (soak.rounds % 12 === 0) log(`${soak.rounds / 12} days: ${JSON.stringify({ ...now, megabytes: Math.round(bytes / 1e6) })}`);
}

/** Each round: two hours, two dozen changes, cuts, killed agents and hubs. 360 rounds are thirty days. */
export const soak: LabGoal = {
  id: 'R17',
  title: 'thirty days, compressed: memory, timers, connections and the store stay as they are (simulated)',
  rounds: 360,
  round: (seed, lab) => round(seed, lab),
  faults: { kinds: ['cut off', 'agent killed', 'hub killed'], atLeast: 50 },
  invariants: ['hubTimers stay', 'boardTimers stay', 'connections stay', 'stored stay'],
  controls: [
    {
      mistake: 'objects that nobody deletes',
      rounds: warmRounds + 3,
      round: (seed, lab) =>
        round(seed, lab, ({ fleet, rounds }) => {
          const maps = fleet.hub.admin.resource<ConfigMap>('', 'configmaps');
          for (let count = 0; count < 400; count++)
            void maps.create('default', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `left-${rounds}-${count}` } });
        }),
    },
  ],
};
