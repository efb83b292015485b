import type { Courier } from '@flotilla/agent/hublink/courier.js';
import { idleHandlers } from '@flotilla/agent/hublink/idle-handlers.js';
import type { HubLink } from '@flotilla/agent/hublink/types.js';
import type { SimulatedBroker } from '@flotilla/hub/broker/simulated/simulated-broker.js';
import type { DeviceIdentity, DeviceSession } from '@flotilla/hub/broker/types.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { courierTo, linkFor, openWorld, simulated, type World } from '../integration/link-world.ts';

/** One identity: in two machines, and in one that changes its address all the time. */

export interface IdentityOptions {
  readonly seed: number;
  readonly struck?: (fault: string) => void;
  readonly looked?: (invariant: string) => void;
  /** Stands between a machine and the broker: for planted mistakes. */
  readonly between?: (courier: Courier) => Courier;
}

const identity: DeviceIdentity = { node: 'pi-1', keyId: 'key-1' };
const keepAliveMs = 600_000;
const clonesAllowedEveryMs = 10_000;

interface Machine {
  readonly link: HubLink;
  /** When it knocked, monotonic. */
  readonly attempts: number[];
  /** How often it lost a session. */
  readonly lost: () => number;
}

class Stage {
  readonly clock: FakeClock;
  readonly world: World;
  readonly broker: SimulatedBroker;
  readonly #options: IdentityOptions;

  private constructor(options: IdentityOptions, clock: FakeClock, world: World) {
    this.#options = options;
    this.clock = clock;
    this.world = world;
    this.broker = world.broker as SimulatedBroker;
  }

  static async open(options: IdentityOptions, serial: string): Promise<Stage> {
    const clock = new FakeClock();
    const world = await openWorld({ clock, broker: simulated(clock, options.seed) });
    world.boards.set(identity.node, { ...identity, serial });
    return new Stage(options, clock, world);
  }

  machine(bootId: string, serial: string, seed: number): Machine {
    const attempts: number[] = [];
    let lost = 0;
    const direct = courierTo(() => this.broker, identity);
    const courier = this.#options.between?.(direct) ?? direct;
    const link = linkFor({
      ...{ clock: this.clock, node: identity.node, bootId, serial, seed, keepAliveMs },
      courier: {
        connect: (introduction, end) => {
          attempts.push(this.clock.monotonicMs());
          return courier.connect(introduction, end);
        },
      },
      handlers: { ...idleHandlers, disconnected: () => void lost++ },
    });
    link.start();
    return { link, attempts, lost: () => lost };
  }

  get clones(): number {
    return this.world.warnings.filter((warning) => warning.includes('NodeIdentityCloned')).length;
  }

  session(): DeviceSession | undefined {
    return this.broker.session(identity.node);
  }

  /** @throws Error with the seed's words when it does not hold */
  check(invariant: string, holds: boolean, found: unknown): void {
    this.#options.looked?.(invariant);
    if (!holds) throw new Error(`${invariant}: ${JSON.stringify(found)}`);
  }
}

/** A card was copied: a second machine has the key of the first, with a serial number of its own or without any. */
export async function clonedCard(options: IdentityOptions): Promise<void> {
  const random = new SeededRandom(options.seed);
  const named = random.next() < 0.5;
  const [own, other] = named ? ['S1', 'S2'] : ['', ''];
  const stage = await Stage.open(options, own);
  const { clock } = stage;
  const honest = stage.machine('boot-a', own, options.seed * 2);
  await clock.advance(61_000 + random.next() * 600_000);
  const lostBefore = honest.lost();
  options.struck?.('cloned card');
  const sinceMs = clock.monotonicMs();
  const clone = stage.machine('boot-b', other, options.seed * 2 + 1);
  await clock.advance(30_000);
  stage.check('a clone is reported within 30 s', stage.clones > 0, stage.world.warnings);
  await clock.advance(20 * 60_000);

  const [kept, out] = named ? [honest, clone] : [clone, honest];
  stage.check('the one in place keeps its session', kept.link.connected && !out.link.connected, [
    honest.link.connected,
    clone.link.connected,
  ]);
  // Without serial numbers a copy that starts looks like a reboot: it takes over, once.
  const losses = honest.lost() + clone.lost() - lostBefore;
  stage.check('nobody evicts anybody more than once', losses <= (named ? 0 : 1), losses);
  const knocks = out.attempts.filter((atMs) => atMs >= sinceMs);
  const most = Math.ceil((clock.monotonicMs() - sinceMs) / clonesAllowedEveryMs) + 1;
  stage.check('a clone knocks at most every 10 s', knocks.length > 2 && knocks.length <= most, knocks.length);
  await honest.link.stop();
  await clone.link.stop();
  await stage.world.close();
}

/** A vehicle: addresses come and go, the hub's ends of the old connections stay open until their long keep-alive ends. */
export async function addressChanges(options: IdentityOptions & { readonly changes: number }): Promise<void> {
  const random = new SeededRandom(options.seed);
  const stage = await Stage.open(options, random.next() < 0.5 ? 'S1' : '');
  const { clock, broker } = stage;
  const serial = stage.world.boards.get(identity.node)?.serial ?? '';
  let boot = 1;
  let machine = stage.machine('boot-1', serial, options.seed);
  await clock.advance(5_000);
  for (let change = 0; change < options.changes; change++) {
    await clock.advance(61_000 + random.next() * 900_000);
    const before = stage.session();
    stage.check('the session lives until the address goes', machine.link.connected && before !== undefined, change);
    options.struck?.('address changed');
    broker.partition(identity.node, true);
    broker.partition(identity.node, false);
    if (random.next() < 0.05) {
      options.struck?.('rebooted');
      await machine.link.stop();
      machine = stage.machine(`boot-${++boot}`, serial, options.seed + boot);
    }
    await clock.advance(5_000);
    const now = stage.session();
    stage.check('connected again within 5 s', machine.link.connected, { change, attempts: machine.attempts.slice(-5) });
    stage.check('an old timeout leaves the new session', now !== undefined && now.epoch > (before?.epoch ?? 0), { before, now });
    stage.check('an honest board is no clone', stage.clones === 0, stage.world.warnings);
  }
  stage.check('nobody was refused', broker.counters.refused.busy + broker.counters.refused.quarantined === 0, broker.counters);
  await machine.link.stop();
  await stage.world.close();
}

/** A hub that cannot tell machines apart: all show the same boot id and no serial number. */
export function machinesLookAlike(courier: Courier): Courier {
  return { connect: (introduction, end) => courier.connect({ ...introduction, bootId: 'boot', serial: '' }, end) };
}

/** A board that names one of two boot ids in turn, as if each new address were another machine. */
export function addressIsAnIdentity(): (courier: Courier) => Courier {
  let count = 0;
  return (courier) => ({ connect: (introduction, end) => courier.connect({ ...introduction, bootId: `boot-${count++ % 2}` }, end) });
}
