import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { type Mistakes, type Request, SimBoard } from './sim-board.ts';
import { SimHub } from './sim-hub.ts';
import { Timeline } from './timeline.ts';

export const leaseFaults = [
  'agent killed',
  'agent frozen',
  'podman hung',
  'board suspended',
  'board rebooted offline',
  'link cut',
  'grant delayed to just before its end',
  'hub restarted',
  'hub restored',
  'hub frozen',
] as const;
export type LeaseFault = (typeof leaseFaults)[number];

export interface LeaseLife {
  readonly faults: Readonly<Record<LeaseFault, number>>;
  /** Pods that were given up and made elsewhere. */
  readonly replaced: number;
  /** Containers that the guard killed. */
  readonly kills: number;
  readonly starts: number;
}

const lifeMs = 600_000;
const healMs = 600_000;
const turnMs = 250;

/**
 * Ten minutes in the life of one exclusive pod with faults at random moments on three boards, then peace. @throws Error when two of it
 * ran at a time, or when none runs in the end. The same seed gives the same life.
 */
export function leaseLife(seed: number, mistakes: Mistakes = {}): LeaseLife {
  const random = new SeededRandom(seed);
  const time = new Timeline();
  const leaseMs = [5000, 30_000, 90_000][Math.floor(random.next() * 3)] ?? 5000;
  const faults = Object.fromEntries(leaseFaults.map((fault) => [fault, 0])) as Record<LeaseFault, number>;
  const boards = [0, 1, 2].map((index) => new SimBoard(index, time, random, mistakes));
  let peace = false;
  const delayMs = (): number => {
    const chance = peace ? 1 : random.next();
    if (chance < 0.05) {
      faults['grant delayed to just before its end']++;
      return leaseMs * (0.9 + random.next() * 0.1);
    }
    return chance < 0.15 ? random.next() * leaseMs : 10 + random.next() * 200;
  };
  // The worst moment: right after the term began, if it began when the grant came.
  const delivered = (board: SimBoard, lateMs: number): void => {
    if (!peace && lateMs > leaseMs / 6 && random.next() < 0.5) hit(random.next() < 0.5 ? 'link cut' : 'agent killed', board);
  };
  const hub = new SimHub({ time, random, boards, leaseMs, mistakes, delayMs, delivered });

  const every = (periodMs: number, act: () => void): void => {
    act();
    time.after(periodMs * (0.8 + random.next() * 0.4), () => every(periodMs, act));
  };
  const send = (request: Request): void => time.after(delayMs(), () => hub.receive(request));
  for (const board of boards) every(turnMs, () => board.turn(send));
  every(turnMs, () => hub.turn());
  every(60_000, () => hub.backUp());

  const lasting = (): number => 500 + random.next() * 3 * leaseMs;
  const strike: Record<LeaseFault, (board: SimBoard) => void> = {
    'agent killed': (board) => {
      board.agent = 'dead';
      time.after(lasting(), () => board.startAgent());
    },
    'agent frozen': (board) => {
      if (board.agent !== 'runs') return;
      board.agent = 'frozen';
      time.after(lasting(), () => {
        if (board.agent === 'frozen') board.agent = 'runs';
      });
    },
    'podman hung': (board) => {
      board.podmanHangs = true;
      time.after(lasting(), () => {
        board.podmanHangs = false;
      });
    },
    'board suspended': (board) => {
      board.asleep = true;
      time.after(lasting(), () => board.wake());
    },
    'board rebooted offline': (board) => {
      board.linked = false;
      board.powerCut();
      time.after(500 + random.next() * 5000, () => board.startAgent());
      time.after(lasting(), () => {
        board.linked = true;
      });
    },
    'link cut': (board) => {
      board.linked = false;
      time.after(lasting(), () => {
        board.linked = true;
      });
    },
    'grant delayed to just before its end': () => {},
    'hub restarted': () => {
      hub.stop();
      time.after(random.next() * 2 * leaseMs, () => hub.start(false));
    },
    'hub restored': () => {
      hub.stop();
      time.after(random.next() * 2 * leaseMs, () => hub.start(true));
    },
    'hub frozen': () => {
      if (hub.state !== 'runs') return;
      hub.state = 'frozen';
      time.after(lasting(), () => {
        if (hub.state === 'frozen') hub.state = 'runs';
      });
    },
  };
  const hit = (fault: LeaseFault, board: SimBoard): void => {
    faults[fault]++;
    strike[fault](board);
  };
  const trouble = (): void => {
    if (peace) return;
    const fault = leaseFaults[Math.floor(random.next() * leaseFaults.length)] ?? 'link cut';
    // Most of all where something runs.
    const busy = boards.filter(({ running }) => running.size > 0);
    const from = random.next() < 0.7 && busy.length > 0 ? busy : boards;
    const board = from[Math.floor(random.next() * from.length)];
    if (board && fault !== 'grant delayed to just before its end') {
      hit(fault, board);
    }
    time.after(-Math.log(1 - random.next()) * leaseMs * 0.7, trouble);
  };
  time.after(10_000, trouble);

  const look = (): void => {
    const running = boards.filter(({ exclusive }) => exclusive > 0);
    const count = boards.reduce((sum, { exclusive }) => sum + exclusive, 0);
    if (count > 1) {
      const where = running.map(({ index, running: pods }) => `${[...pods.keys()].join(' and ')} on board ${index}`).join(', ');
      throw new Error(`two run at ${Math.round(time.nowMs)} ms: ${where} (lease ${leaseMs} ms)`);
    }
  };
  time.runUntil(lifeMs, look);
  peace = true;
  time.after(3 * leaseMs + 1000, () => {
    for (const board of boards) board.linked = true;
  });
  time.runUntil(lifeMs + healMs, look);
  const left = boards.reduce((sum, { running }) => sum + running.size, 0);
  if (left !== 1) throw new Error(`${left} run in the end (lease ${leaseMs} ms)`);
  return {
    faults,
    replaced: hub.replaced,
    kills: boards.reduce((sum, { kills }) => sum + kills, 0),
    starts: boards.reduce((sum, { starts }) => sum + starts, 0),
  };
}
