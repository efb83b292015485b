import { describeError } from '@flotilla/shared/log/logger.js';
import { type RetrySchedule, retryDelayMs } from '@flotilla/shared/workqueue/retry-schedule.js';
import { EnrolError } from '#hublink/enrol.ts';
import { HubMemory } from '#hublink/hub-memory.ts';
import type { HubHttp } from '#hublink/mqtt-door.ts';
import { type BehaviourShares, behaviourOf, behaviourTimes } from './behaviours.ts';
import { drawn, FleetBoard, type FleetDoors, type FleetSettings } from './fleet-board.ts';

export interface SimulatedFleetOptions extends FleetDoors, FleetSettings {
  readonly boards: number;
  /** The number of the first board: several processes simulate one fleet. */
  readonly first: number;
  /** Boards are called PREFIX-NUMBER. */
  readonly prefix: string;
  readonly behaviours: BehaviourShares;
}

/** How many boards are on their way to their first connection at once. */
const atOnce = 32;
const joinRetry: RetrySchedule = { baseMs: 500, maxMs: 10_000 };
/** A board that does not connect holds the others up no longer than this. */
const firstConnectionMs = 20_000;

/**
 * Boards with one process: each has an agent, a link and a connection of its own; what they share is the machine's clock and the way to
 * the hub.
 */
export class SimulatedFleet {
  readonly boards: readonly FleetBoard[];
  readonly #options: SimulatedFleetOptions;
  readonly #stopping = new AbortController();
  readonly #waiting = new Map<FleetBoard, () => void>();
  #starting: Promise<void> | undefined;
  #scripts: Promise<void>[] = [];

  constructor(options: SimulatedFleetOptions) {
    this.#options = options;
    const http = oneWay(options.http);
    this.boards = Array.from({ length: options.boards }, (_, index) => {
      const number = options.first + index;
      const board: FleetBoard = new FleetBoard({
        ...options,
        http,
        node: `${options.prefix}-${number}`,
        number,
        behaviour: behaviourOf(number, options.behaviours),
        connected: () => {
          this.#waiting.get(board)?.();
          this.#waiting.delete(board);
        },
      });
      return board;
    });
  }

  get connected(): number {
    return this.boards.filter(({ connected }) => connected).length;
  }

  /** Resolves when every board has joined and was connected once, or had its time for that. @throws EnrolError when the owner must change something */
  start(): Promise<void> {
    this.#starting ??= this.#startAll();
    return this.#starting;
  }

  /** Ends all of them; resolves when no connection is left. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the simulation stops'));
    for (const wake of this.#waiting.values()) wake();
    await this.#starting?.catch(() => {});
    await Promise.all(this.#scripts);
    await Promise.all(this.boards.map((board) => board.stop()));
  }

  async #startAll(): Promise<void> {
    const { signal } = this.#stopping;
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let board = this.boards[next++]; board && !signal.aborted; board = this.boards[next++]) await this.#startOne(board);
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, this.boards.length) }, worker));
    if (signal.aborted) return;
    this.#scripts = this.boards.filter(({ behaviour }) => behaviour !== undefined).map((board) => this.#misbehave(board));
  }

  async #startOne(board: FleetBoard): Promise<void> {
    const { clock, logger, random } = this.#options;
    const { signal } = this.#stopping;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await board.join();
        break;
      } catch (error) {
        if (error instanceof EnrolError) throw error;
        logger.debug('could not join yet', { node: board.node, error: describeError(error) });
        await clock.sleep('simulate: join again', retryDelayMs(joinRetry, failures, random), signal).catch(() => {});
      }
    }
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(board, resolve);
    const timer = clock.after('simulate: first connection', firstConnectionMs, resolve);
    await board.start();
    await promise;
    timer.cancel();
    this.#waiting.delete(board);
  }

  /** What its behaviour wants, until the simulation stops. */
  async #misbehave(board: FleetBoard): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#stopping;
    const { behaviour } = board;
    if (behaviour !== 'flapping' && behaviour !== 'cut' && behaviour !== 'dying') return;
    const { everyMs, forMs } = behaviourTimes[behaviour];
    const wait = (span: readonly [number, number]): Promise<void> =>
      clock.sleep(`simulate: ${behaviour}`, drawn(random, span), signal).catch(() => {});
    while (!signal.aborted) {
      await wait(everyMs);
      if (signal.aborted) return;
      if (behaviour === 'dying') await board.stop();
      else board.cutLine();
      await wait(forMs);
      board.mendLine();
      if (behaviour !== 'dying' || signal.aborted) continue;
      await board.start().catch((error: unknown) => {
        this.#options.logger.warn('the agent of a simulated board did not start', { node: board.node, error });
      });
    }
  }
}

/** All boards go to the hub the same way: its authority is asked for once, and TLS sessions are resumed. */
function oneWay(http: HubHttp): HubHttp {
  const memory = new HubMemory();
  const authorities = new Map<string, ReturnType<HubHttp>>();
  return (dial, request) => {
    if (dial.ca !== undefined) return http({ ...dial, memory }, request);
    const key = `${dial.host}:${dial.port}${request.path}`;
    const known = authorities.get(key);
    if (known) return known;
    const answer = http(dial, request);
    authorities.set(key, answer);
    answer.then(
      ({ status }) => status !== 200 && authorities.delete(key),
      () => authorities.delete(key),
    );
    return answer;
  };
}
