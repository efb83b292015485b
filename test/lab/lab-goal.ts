import type { SeededRandom } from '@flotilla/shared/platform/random.js';
import type { Tool } from '@flotilla/shared/platform/tools.js';
import type { Tally } from './tally.ts';

/** What is made once in a run and shared by its rounds. */
export interface Shared {
  close(): Promise<void>;
}

/** What a round is given. */
export interface Lab {
  /** Repeats itself for the round's seed. */
  readonly random: SeededRandom;
  /** Counts the faults that struck and the invariants that were looked at, over all rounds. */
  readonly tally: Tally;
  /** Progress, on standard error. */
  readonly log: (line: string) => void;
  /** Made at the first call under this name, closed after the last round. */
  once<T extends Shared>(name: string, make: () => Promise<T>): Promise<T>;
}

/** Throws when an invariant was broken; the message says which and where. */
export type Round = (seed: number, lab: Lab) => Promise<void>;

/** A planted mistake: the goal's own checks must notice it. */
export interface Control {
  readonly mistake: string;
  readonly round: Round;
  /** So many seeds are tried until one fails; none failing is a failure of the lab. 1 when left out. */
  readonly rounds?: number;
}

/** One reliability goal: one file, one object, one line in goals.ts. */
export interface LabGoal {
  /** As in the project's list of goals: `R6`; the name typed behind `npm run lab --`. */
  readonly id: string;
  readonly title: string;
  /** Rounds of a long run. */
  readonly rounds: number;
  readonly round: Round;
  readonly controls?: readonly Control[];
  /** Kinds of fault that must strike this often each in a run of at least `rounds` rounds. */
  readonly faults?: { readonly kinds: readonly string[]; readonly atLeast: number };
  /** Each must have been looked at in a run of at least ten rounds, or of all. */
  readonly invariants?: readonly string[];
  /** Programs that are installed first. */
  readonly tools?: readonly Tool[];
}
