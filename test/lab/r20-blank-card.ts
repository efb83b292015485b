import { setTimeout as sleep } from 'node:timers/promises';
import { CardBoard, CardWorld } from './blank-card.ts';
import type { Lab, LabGoal, Shared } from './lab-goal.ts';
import type { VirtualArchitecture } from './virtual-board.ts';

/** How long an undisturbed board takes, which cuts are spread over; and P16. */
interface Pace extends Shared {
  readonly toReadyMs: number;
  readonly toPodMs: number;
}

/** An agent that did not find its hub has long begun its pods by then. */
const settledMs = { amd64: 90_000, arm64: 120_000 } as const;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** One board that nothing happens to: from the blank card to a running pod, and then once more without a hub. */
async function undisturbed(world: CardWorld, log: (line: string) => void): Promise<Pace> {
  const board = await CardBoard.flashed(world, 'undisturbed', '00000000-0000-4000-8000-000000000001');
  try {
    board.machine.powerOn();
    await board.ready();
    const toReadyMs = Date.now() - board.machine.poweredOnMs;
    const applied = Date.now();
    await board.applyPod();
    await board.podRuns();
    const toPodMs = Date.now() - applied;
    log(`undisturbed: power on → Ready ${seconds(toReadyMs)}, pod applied → running ${seconds(toPodMs)}`);
    await board.machine.powerCut();
    log(await board.report());

    await world.stack.hub.end('SIGTERM');
    board.machine.powerOn();
    const bootedMs = (await board.booted()) - board.machine.poweredOnMs;
    await sleep(settledMs[world.architecture]);
    await world.stack.startHub();
    await board.ready();
    const runningMs = (await board.podRuns()) - board.machine.poweredOnMs;
    const more = `boot and ${((runningMs - bootedMs) / 1000).toFixed(0)} s; the aim is boot and 10 s at most`;
    log(`P16: power on → pod running, 512 MB, hub unreachable: ${seconds(runningMs)}; the system's own boot ${seconds(bootedMs)}: ${more}`);
    return { toReadyMs, toPodMs, close: async () => {} };
  } finally {
    await board.close();
  }
}

/** Two power cuts: in the first boot or while it joins, and while its pod is started. Each time it must come back by itself. */
async function cutTwice(architecture: VirtualArchitecture, seed: number, { random, tally, log, once }: Lab): Promise<void> {
  const world = await once('image, hub, registry', () => CardWorld.open(architecture, log));
  const pace = await once('pace', () => undisturbed(world, log));
  const uuid = `00000000-0000-4000-8000-${String(seed + 100).padStart(12, '0')}`;
  const board = await CardBoard.flashed(world, `card-${seed}`, uuid);
  try {
    board.machine.powerOn();
    // Firmware and kernel take the first half, and nothing of ours happens there: one cut in four falls anywhere.
    const from = random.next() < 0.25 ? 0 : 0.5;
    const firstMs = pace.toReadyMs * (from + (1.05 - from) * random.next());
    await sleep(firstMs);
    await board.machine.powerCut();
    tally.fault('power cut in first boot or joining');
    await board.checkIdentity();

    board.machine.powerOn();
    await board.ready();
    tally.invariant('Ready after a cut, as the same board', 1);

    await board.applyPod();
    const secondMs = pace.toPodMs * 1.2 * random.next();
    await sleep(secondMs);
    await board.machine.powerCut();
    tally.fault('power cut while a pod starts');

    board.machine.powerOn();
    await board.ready();
    await board.podRuns();
    await board.checkIdentity();
    tally.invariant('Ready after a cut, as the same board', 1);
    tally.invariant('the pod runs', 1);
    log(`seed ${seed}: cut ${seconds(firstMs)} after power on, and ${seconds(secondMs)} after apply; Ready and running after both`);
  } catch (error) {
    await board.machine.powerCut();
    log(await board.report().catch((failed: unknown) => String(failed)));
    throw error;
  } finally {
    await board.close();
  }
}

function goalOf(id: string, architecture: VirtualArchitecture): LabGoal {
  return {
    id,
    title: `from a blank card to a running pod, the power cut twice (${architecture})`,
    rounds: 20,
    round: (seed, lab) => cutTwice(architecture, seed, lab),
    faults: { kinds: ['power cut in first boot or joining', 'power cut while a pod starts'], atLeast: 20 },
    invariants: ['Ready after a cut, as the same board', 'the pod runs'],
    tools: ['images'],
  };
}

/** On ARM, which is emulated: some minutes a boot. */
export const blankCard = goalOf('R20', 'arm64');
/** On a PC, emulated as well. */
export const blankCardPc = goalOf('R20-amd64', 'amd64');
