import type { HubLink } from '@flotilla/agent/hublink/types.js';
import { SimulatedBroker } from '@flotilla/hub/broker/simulated/simulated-broker.js';
import type { Board } from '@flotilla/hub/broker/types.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import type { Generation } from '@flotilla/shared/protocol/messages.js';
import type { RetrySchedule } from '@flotilla/shared/workqueue/retry-schedule.js';
import { type ApiObject, clusterId, courierTo, linkFor, openWorld, pod, type World } from '../integration/link-world.ts';

/** A hub that comes back to a whole fleet. Boards are links only: what is looked at is who comes when, and what he is told. */

export interface StormOptions {
  readonly seed: number;
  readonly boards: number;
  /** The hub says good-bye; else it is killed. */
  readonly orderly: boolean;
  readonly downMs: number;
  readonly looked?: (invariant: string) => void;
  readonly struck?: (fault: string) => void;
  /** Planted mistakes: boards that wait as this says, and a hub that forgets who it has heard. */
  readonly retry?: RetrySchedule;
  readonly startGraceMs?: number;
}

/** Handshakes a second, mutual TLS on one core of a small machine. */
const pace = { first: 200, least: 200, most: 300 };
const backWithinMs = 60_000;
/** The hub's word for a whole fleet takes as long as the fleet takes at that pace. */
const spreadMs = (boards: number): number => (boards / pace.first) * 1000 * 1.25;

class StormBoard {
  readonly link: HubLink;
  generation: Generation | undefined;
  manifests = 0;
  connects = 0;
  #sequence = 1;

  constructor(storm: Storm, node: string, seed: number) {
    const { clock, options } = storm;
    const board = { node, keyId: `key of ${node}` };
    const direct = courierTo(() => storm.broker, board);
    this.link = linkFor({
      ...{ clock, node, seed, bootId: `boot of ${node}`, keepAliveMs: 60_000 },
      ...(options.retry ? { retry: options.retry } : {}),
      courier: {
        connect: (introduction, end) => {
          storm.arrivals.push(clock.monotonicMs());
          return direct.connect(introduction, end);
        },
      },
      handlers: {
        manifest: async (update) => {
          this.manifests++;
          this.generation = update.generation;
          return { applied: true, wants: [] };
        },
        objects: async () => ({ applied: false, wants: [] }),
        applied: () => this.generation,
        connected: () => {
          this.connects++;
          const status = { capacity: { cpu: '4' }, conditions: [{ type: 'Ready', status: 'True', reason: 'r', message: 'm' }] };
          const told = { labels: {}, taints: [], sequence: this.#sequence++, status };
          this.link.report({ node: told, pods: [], events: [], applied: this.generation, full: true }).catch(() => {});
        },
        disconnected: () => {},
        logs: async function* () {},
      },
    });
  }
}

class Storm {
  readonly clock = new FakeClock();
  readonly options: StormOptions;
  readonly boards = new Map<string, StormBoard>();
  readonly arrivals: number[] = [];
  broker: SimulatedBroker | undefined;
  world: World | undefined;
  offline: string[] = [];

  constructor(options: StormOptions) {
    this.options = options;
  }

  async startHub(store?: World['store']): Promise<World> {
    const { startGraceMs, seed } = this.options;
    const enrolled = (node: string): Board => ({ node, keyId: `key of ${node}`, serial: '' });
    const broker = new SimulatedBroker({
      ...{ clusterId, clock: this.clock, random: new SeededRandom(seed), boards: { get: enrolled }, pace },
      weather: { delayMs: 40, duplicate: 0, lose: 0, disconnect: 0 },
    });
    this.world = await openWorld({
      clock: this.clock,
      broker: () => broker,
      ...(store ? { store } : {}),
      ...(startGraceMs === undefined ? {} : { startGraceMs }),
    });
    this.broker = broker;
    this.world.sync.liveness.onChange((node, alive) => {
      if (!alive) this.offline.push(node);
    });
    return this.world;
  }

  get connected(): number {
    let count = 0;
    for (const { link } of this.boards.values()) if (link.connected) count++;
    return count;
  }

  /** @returns simulated milliseconds until every board is there */
  async allBack(limitMs: number): Promise<number> {
    const beganMs = this.clock.monotonicMs();
    while (this.connected < this.boards.size) {
      const passedMs = this.clock.monotonicMs() - beganMs;
      if (passedMs > limitMs)
        throw new Error(`all are back in time: ${this.boards.size - this.connected} are missing after ${passedMs / 1000} s`);
      await this.clock.advance(250);
    }
    return this.clock.monotonicMs() - beganMs;
  }

  check(invariant: string, holds: boolean, found: unknown): void {
    this.options.looked?.(invariant);
    if (!holds) throw new Error(`${invariant}: ${JSON.stringify(found)}`);
  }
}

/** @returns how long it took until every board was back, in simulated milliseconds */
export async function hubRestart(options: StormOptions): Promise<number> {
  const { boards: count, downMs, orderly, seed } = options;
  const storm = new Storm(options);
  const { clock } = storm;
  const first = await storm.startHub();
  const names = Array.from({ length: count }, (_, index) => `board-${index}`);
  for (const [index, node] of names.entries()) storm.boards.set(node, new StormBoard(storm, node, seed * 7919 + index));
  for (const node of names) await first.client.resource<ApiObject>('', 'pods').create('default', pod(`p-of-${node}`, node));
  for (const { link } of storm.boards.values()) link.start();
  await storm.allBack(5 * 60_000);
  // Long enough for every session to count as stable.
  await clock.advance(120_000);
  const had = new Map([...storm.boards].map(([node, { manifests }]) => [node, manifests]));

  options.struck?.(orderly ? 'hub stopped' : 'hub killed');
  if (!orderly) storm.broker?.abandon();
  storm.broker = undefined;
  storm.arrivals.length = 0;
  await first.close();
  await clock.advance(downMs);
  const changed = names.filter((_, index) => index % 50 === 0);
  const world = await storm.startHub(first.store);
  storm.offline = [];
  for (const node of changed) await world.client.resource<ApiObject>('', 'pods').create('default', pod(`late-of-${node}`, node));
  const tookMs = await storm.allBack(Math.max(backWithinMs, orderly ? spreadMs(count) : 0));
  options.looked?.('all are back in time');
  // Past the grace in which nobody is called offline.
  await clock.advance(150_000);

  storm.check('nobody counts as away who is there', storm.offline.length === 0, storm.offline.slice(0, 5));
  const resent = names.filter((node) => storm.boards.get(node)?.manifests !== (had.get(node) ?? 0) + (changed.includes(node) ? 1 : 0));
  storm.check('who has what he shall have is sent nothing, the others what is new', resent.length === 0, resent.slice(0, 5));
  storm.check(
    'everybody keeps the session he got',
    storm.connected === count && world.sync.connectedNodes().length === count,
    storm.connected,
  );
  const waves = busiest(storm.arrivals, 100);
  storm.check('they do not come in step', waves <= count / 2, waves);
  const { dropped } = world.broker.load;
  storm.check('few wait in vain', dropped <= count / 2, dropped);
  for (const { link } of storm.boards.values()) await link.stop();
  await world.close();
  return tookMs;
}

/** The most that came in one interval. */
function busiest(arrivals: readonly number[], intervalMs: number): number {
  const counts = new Map<number, number>();
  for (const atMs of arrivals) {
    const interval = Math.floor(atMs / intervalMs);
    counts.set(interval, (counts.get(interval) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}
