import type { Random } from '@flotilla/shared/platform/random.js';
import { ConnectRefused } from '@flotilla/shared/protocol/courier.js';
import type { Fleet } from './fleet.ts';
import type { Ledger } from './ledger.ts';
import type { SimulatedBoard } from './simulated-board.ts';

/** Every kind of fault that an ordeal has, beside the weather's. */
export const processFaults = [
  'partition',
  'agent killed',
  'agent killed at a write',
  'agent frozen',
  'power cut',
  'rebooted offline',
  'runtime hangs',
  'disk full',
  'hub killed',
  'hub killed at a write',
  'hub frozen',
  'clock jump',
  'cloned identity',
] as const;

const hourMs = 3_600_000;
const yearMs = 365.25 * 24 * hourMs;
const jumps = [-10 * yearMs, -yearMs, -hourMs, -61_000, 61_000, hourMs, yearMs, 10 * yearMs];

export interface FaultsOptions {
  readonly fleet: Fleet;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly struck: (fault: string) => void;
}

/** Does to a fleet what the world does to boards, until `heal`. */
export class Faults {
  readonly #options: FaultsOptions;
  readonly #busy = new Set<string>();

  constructor(options: FaultsOptions) {
    this.#options = options;
    for (const board of options.fleet.boards.values()) {
      board.onKilledAtWrite = () => {
        this.#options.struck('agent killed at a write');
        // The disk comes back when the process is gone for good.
        this.#later(0, () => this.#revive(board, this.#chance() < 0.5));
      };
    }
  }

  /** One fault of some kind; most last a while. */
  strike(): void {
    const { fleet } = this.#options;
    const boards = [...fleet.boards.values()].filter(({ node }) => !this.#busy.has(node));
    const board = boards[Math.floor(this.#chance() * boards.length)];
    const turn = this.#chance();
    if (turn < 0.17) this.#hub();
    else if (board) this.#board(board, (turn - 0.17) / 0.83);
  }

  /** Ends all that lasts; what was harmed is started again. */
  async heal(): Promise<void> {
    const { fleet } = this.#options;
    fleet.broker.weather = { delayMs: 100, duplicate: 0, lose: 0, disconnect: 0 };
    fleet.hubLife.thaw();
    if (!fleet.hubRuns) await this.#startHub();
    fleet.crashHubAtWrite(Number.POSITIVE_INFINITY, () => {});
    for (const board of fleet.boards.values()) {
      fleet.broker.partition(board.node, false);
      fleet.broker.condition(board.node, undefined);
      board.files.capacityBytes = Number.POSITIVE_INFINITY;
      board.files.cutAfter(Number.POSITIVE_INFINITY);
      board.resumeRuntime();
      board.thaw();
      if (!board.running && !board.files.off) void board.start();
    }
  }

  #board(board: SimulatedBoard, turn: number): void {
    const { fleet, struck } = this.#options;
    const { node } = board;
    const forMs = 1000 + this.#chance() ** 2 * 120_000;
    const lasting = (fault: string, begin: () => void, end: () => void): void => {
      if (fault) struck(fault);
      this.#busy.add(node);
      begin();
      this.#later(forMs, () => {
        this.#busy.delete(node);
        end();
      });
    };
    if (turn < 0.12) {
      lasting(
        'partition',
        () => fleet.broker.partition(node, true),
        () => fleet.broker.partition(node, false),
      );
    } else if (turn < 0.24) {
      const silent = (['up', 'down', 'both'] as const)[Math.floor(this.#chance() * 3)] ?? 'both';
      lasting(
        '',
        () => fleet.broker.condition(node, { silent }),
        () => fleet.broker.condition(node, undefined),
      );
    } else if (turn < 0.32) {
      const condition = { bytesPerSecond: 8_000, latencyMs: 1000 };
      lasting(
        '',
        () => fleet.broker.condition(node, condition),
        () => fleet.broker.condition(node, undefined),
      );
    } else if (turn < 0.4) {
      struck('agent killed');
      board.kill();
      this.#later(this.#chance() * 20_000, () => this.#start(board));
    } else if (turn < 0.54) {
      board.killAtWrite(Math.floor(this.#chance() * 25));
    } else if (turn < 0.62) {
      lasting(
        'agent frozen',
        () => board.freeze(),
        () => board.thaw(),
      );
    } else if (turn < 0.68) {
      struck('power cut');
      this.#later(this.#chance() * 60_000, () => this.#start(board));
      board.powerCut();
    } else if (turn < 0.74) {
      lasting(
        'rebooted offline',
        () => {
          fleet.broker.partition(node, true);
          board.powerCut();
          this.#later(2_000, () => this.#start(board));
        },
        () => fleet.broker.partition(node, false),
      );
    } else if (turn < 0.81) {
      lasting(
        'runtime hangs',
        () => board.hangRuntime(),
        () => board.resumeRuntime(),
      );
    } else if (turn < 0.9) {
      const { refused } = board.files;
      lasting(
        '',
        () => {
          board.files.capacityBytes = board.files.usedBytes + Math.floor(this.#chance() * 2000);
        },
        () => {
          board.files.capacityBytes = Number.POSITIVE_INFINITY;
          if (board.files.refused > refused) struck('disk full');
        },
      );
    } else if (turn < 0.95) {
      struck('clock jump');
      board.machine.wallOffsetMs = jumps[Math.floor(this.#chance() * jumps.length)] ?? 0;
    } else {
      this.#clone(board);
    }
  }

  #hub(): void {
    const { fleet, struck } = this.#options;
    if (this.#busy.has('hub') || !fleet.hubRuns) return;
    const turn = this.#chance();
    this.#busy.add('hub');
    const back = (delayMs: number): void =>
      this.#later(delayMs, () => {
        this.#busy.delete('hub');
        void this.#startHub();
      });
    if (turn < 0.3) {
      struck('hub killed');
      fleet.crashHub();
      back(this.#chance() ** 2 * 90_000);
    } else if (turn < 0.7) {
      fleet.crashHubAtWrite(1 + Math.floor(this.#chance() * 30), () => {
        struck('hub killed at a write');
        back(this.#chance() * 20_000);
      });
    } else if (turn < 0.9) {
      struck('hub frozen');
      const { hubLife } = fleet;
      hubLife.freeze();
      this.#later(this.#chance() * 60_000, () => {
        this.#busy.delete('hub');
        hubLife.thaw();
      });
    } else {
      struck('clock jump');
      fleet.hubMachine.wallOffsetMs = jumps[Math.floor(this.#chance() * jumps.length)] ?? 0;
      this.#busy.delete('hub');
    }
  }

  /** Another machine with the same card. */
  #clone({ node }: SimulatedBoard): void {
    const { fleet, ledger, struck } = this.#options;
    const introduction = { bootId: `boot-of-a-clone-of-${node}`, serial: `not-${node}`, keepAliveMs: 20_000 };
    const end = { message: () => {}, closed: () => {} };
    fleet.broker
      .dial({ node, keyId: `key-of-${node}` })(introduction, end)
      .then(
        (pipe) => {
          pipe.close();
          ledger.violated('a clone stays out', `a machine with another serial number was let in as ${node}`);
        },
        (error: unknown) => {
          if (!(error instanceof ConnectRefused) || error.refusal !== 'quarantined') return;
          struck('cloned identity');
          ledger.look('a clone stays out', false);
          const epoch = fleet.broker;
          // The event may take a moment, and a hub that dies meanwhile tells at the next attempt.
          this.#later(30_000, () => {
            if (fleet.broker !== epoch || !fleet.hubRuns || fleet.hubLife.frozen) return;
            const told = ledger
              .objects('core/events')
              .some(
                (event) => (event as { reason?: string }).reason === 'NodeIdentityCloned' && JSON.stringify(event).includes(`not-${node}`),
              );
            ledger.look('a clone is told of', !told && `no event tells of the clone of ${node}`);
          });
        },
      );
  }

  #revive(board: SimulatedBoard, power: boolean): void {
    if (power) board.powerCut();
    else board.kill();
    this.#later(this.#chance() * 10_000, () => this.#start(board));
  }

  #start(board: SimulatedBoard): void {
    if (!board.running && !board.files.off) void board.start();
  }

  /** A hub that cannot start is started again. */
  async #startHub(): Promise<void> {
    const { fleet } = this.#options;
    if (fleet.hubRuns) return;
    await fleet.startHub().catch((error: unknown) => this.#options.ledger.violated('the hub starts', String(error)));
  }

  #later(delayMs: number, work: () => void): void {
    this.#options.fleet.clock.after('fault', delayMs, work);
  }

  #chance(): number {
    return this.#options.random.next();
  }
}
