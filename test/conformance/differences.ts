import type { Difference } from './compare.ts';

/** A way in which the hub means to differ from Kubernetes. */
export interface Meant {
  /** Topics it is seen in; all when left out. */
  readonly topics?: readonly string[];
  /** The cases, by what their names match; all when left out. */
  readonly cases?: RegExp;
  /** Which places of an answer, as JSON pointers. */
  readonly at: RegExp;
  /** What stands there in the hub's answer has to match, so that nothing else hides behind the entry; anything when left out. */
  readonly found?: RegExp;
  readonly why: string;
}

/** The differences that stay, each with its reason. An entry that is not seen any more has to go. */
export const meant: readonly Meant[] = [];

export function isMeant({ topics, cases, at, found }: Meant, topic: string, name: string, difference: Difference): boolean {
  return (
    (topics?.includes(topic) ?? true) &&
    (cases?.test(name) ?? true) &&
    at.test(difference.at) &&
    (found?.test(JSON.stringify(difference.found) ?? '') ?? true)
  );
}
