import type { ConfigMap, Node } from '@flotilla/shared/api/generated/types.js';
import { StatusError } from '@flotilla/shared/errors/status.js';
import { SlowDisk } from '../simulation/slow-disk.ts';
import type { Lab, LabGoal } from './lab-goal.ts';
import { quietFleet } from './quiet-fleet.ts';

const boards = 4;
const mostWaiting = 200;
/** Writers that do not wait for one another, ten times a second: far more than the disk takes. */
const writersPerTick = 40;
const tickMs = 100;
const slowForMs = 20_000;
/** As long as it takes until a board counts as away. */
const silentForMs = 60_000;

interface Written {
  acknowledged: string[];
  refused: number;
  waiting: number;
  mostWaiting: number;
}

/** The disk of the hub syncs 50 times a second and stands still for two seconds now and then; everybody wants to write. */
async function round(seed: number, lab: Lab, { bound = mostWaiting, silent = false } = {}): Promise<void> {
  const { tally, random } = lab;
  const disk = new SlowDisk({
    ...{ seed, perSecond: 50, stallMs: 2_000, stalls: 0.02, maxWaiting: bound },
    stalled: () => tally.fault('stall of two seconds'),
  });
  const { fleet, workload, step, settles } = await quietFleet(seed, boards, lab, (options) => ({
    ...options,
    disk: (clock) => disk.of(clock),
  }));
  await step(20_000);
  workload.begin(2);
  for (let change = 0; change < 4; change++) workload.change();
  await settles(120_000);
  disk.slow(true);
  if (silent) fleet.broker.condition('board-0', { silent: 'both' });
  const written: Written = { acknowledged: [], refused: 0, waiting: 0, mostWaiting: 0 };
  for (let passedMs = 0; passedMs < (silent ? silentForMs : slowForMs); passedMs += tickMs) {
    for (let writer = 0; writer < writersPerTick; writer++) write(`w-${passedMs}-${writer}`);
    if (random.next() < 0.02) workload.change();
    await step(tickMs);
    const { mostWaiting: most } = written;
    if (most > mostWaiting + boards * 64) throw new Error(`what waits is bounded: ${most} writes wait`);
    tally.invariant('what waits is bounded');
    const unknown = nodes().filter(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is !== 'True'));
    if (unknown.length > 0)
      throw new Error(`heartbeats are heard: ${unknown.map(({ metadata }) => metadata?.name).join(', ')} count as away`);
    tally.invariant('heartbeats are heard');
  }
  disk.slow(false);
  await step(10_000);
  if (written.refused === 0 || written.acknowledged.length === 0)
    throw new Error(`the disk was no bottleneck: ${written.acknowledged.length} written, ${written.refused} refused`);
  tally.fault('write refused', written.refused);
  const missing = written.acknowledged.filter((name) => !maps().get(`default/${name}`));
  tally.invariant('acknowledged is durable');
  if (missing.length > 0) throw new Error(`acknowledged is durable: ${missing.length} writes are missing`);
  fleet.crashHub();
  await step(1_000);
  await fleet.startHub();
  await settles(180_000);
  const lost = written.acknowledged.filter((name) => !maps().get(`default/${name}`));
  if (lost.length > 0) throw new Error(`acknowledged is durable: ${lost.length} writes did not outlive the hub`);
  await fleet.stop();

  function maps() {
    return fleet.hub.admin.informer<ConfigMap>('', 'configmaps');
  }

  function nodes(): readonly Node[] {
    return fleet.hub.admin.informer<Node>('', 'nodes').list();
  }

  function write(name: string): void {
    written.waiting++;
    written.mostWaiting = Math.max(written.mostWaiting, written.waiting);
    fleet.hub.admin
      .resource<ConfigMap>('', 'configmaps')
      .create('default', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
      .then(
        () => written.acknowledged.push(name),
        (error: unknown) => {
          const told = error instanceof StatusError && error.code === 429 && (error.details?.retryAfterSeconds ?? 0) > 0;
          if (!told) throw error;
          written.refused++;
        },
      )
      .finally(() => {
        written.waiting--;
      });
  }
}

export const slowDisk: LabGoal = {
  id: 'R12',
  title: 'a disk of 50 syncs a second that stands still for 2 s: correct, boards are heard, writers are told to come again (simulated)',
  rounds: 100,
  round: (seed, lab) => round(seed, lab),
  faults: { kinds: ['stall of two seconds', 'write refused'], atLeast: 300 },
  invariants: ['what waits is bounded', 'heartbeats are heard', 'acknowledged is durable', 'converges', 'what nobody changes stays'],
  controls: [
    { mistake: 'a queue without a bound', round: (seed, lab) => round(seed, lab, { bound: Number.POSITIVE_INFINITY }) },
    { mistake: 'a board that is not heard', round: (seed, lab) => round(seed, lab, { silent: true }) },
  ],
};
