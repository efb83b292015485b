import { type FieldError, invalid, notSupported } from '../errors/field.ts';
import { parseQuantity, value } from '../quantity/quantity.ts';

/** What a board may cost its link and its flash, said by annotations of its Node (agent/docs/budgets.md). */
export const budgetAnnotations = {
  /** What kind of link it has; takes the place of the agent's own `--profile`. */
  profile: 'fleet.flotilla.dev/link-profile',
  /** Bytes a month, both ways, as a quantity; `none` is no budget whatever the profile says. */
  dataBudget: 'fleet.flotilla.dev/data-budget',
  /** The day on which the month begins, 1 to 28, at midnight UTC. */
  dataBudgetDay: 'fleet.flotilla.dev/data-budget-day',
  /** Until then (RFC 3339) the data budget holds nothing back. */
  dataBudgetOverride: 'fleet.flotilla.dev/data-budget-override-until',
  /** Bytes that the agent should write to flash a day, as a quantity; `none` is no budget. */
  flashBudget: 'fleet.flotilla.dev/flash-budget',
} as const;

export const linkProfiles = ['lan', 'default', 'metered'] as const;
export type LinkProfileName = (typeof linkProfiles)[number];

/** What the annotations say; a field is missing where they are silent, or not to be understood. */
export interface BudgetSettings {
  readonly profile?: LinkProfileName;
  /** Infinite for `none`. */
  readonly dataBytes?: number;
  readonly dataDay?: number;
  readonly overrideUntilMs?: number;
  /** Infinite for `none`. */
  readonly flashBytes?: number;
}

type Annotations = Readonly<Record<string, string>> | undefined;

const leastDataBytes = 100_000;
const leastFlashBytes = 100_000;
const timeForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

export function budgetSettings(annotations: Annotations): BudgetSettings {
  const { profile, dataBudget, dataBudgetDay, dataBudgetOverride, flashBudget } = budgetAnnotations;
  const named = linkProfiles.find((one) => one === annotations?.[profile]);
  const dataBytes = bytesOf(annotations?.[dataBudget], leastDataBytes);
  const dataDay = dayOf(annotations?.[dataBudgetDay]);
  const overrideUntilMs = timeOf(annotations?.[dataBudgetOverride]);
  const flashBytes = bytesOf(annotations?.[flashBudget], leastFlashBytes);
  return {
    ...(named === undefined ? {} : { profile: named }),
    ...(dataBytes === undefined ? {} : { dataBytes }),
    ...(dataDay === undefined ? {} : { dataDay }),
    ...(overrideUntilMs === undefined ? {} : { overrideUntilMs }),
    ...(flashBytes === undefined ? {} : { flashBytes }),
  };
}

/** @param path of the metadata */
export function validateBudgetAnnotations(annotations: Annotations, path: string): FieldError[] {
  const faults: FieldError[] = [];
  const check = (name: string, fault: (at: string, text: string) => FieldError | undefined): void => {
    const text = annotations?.[name];
    const found = text === undefined ? undefined : fault(`${path}.annotations[${name}]`, text);
    if (found) faults.push(found);
  };
  const bytes = (least: number) => (at: string, text: string) =>
    bytesOf(text, least) === undefined ? invalid(at, text, `must be none, or a quantity of at least ${least} bytes like 500M`) : undefined;
  check(budgetAnnotations.profile, (at, text) =>
    linkProfiles.some((one) => one === text) ? undefined : notSupported(at, text, linkProfiles),
  );
  check(budgetAnnotations.dataBudget, bytes(leastDataBytes));
  check(budgetAnnotations.dataBudgetDay, (at, text) =>
    dayOf(text) === undefined ? invalid(at, text, 'must be a day of every month, 1 to 28') : undefined,
  );
  check(budgetAnnotations.dataBudgetOverride, (at, text) =>
    timeOf(text) === undefined ? invalid(at, text, 'must be a time like 2026-01-31T12:00:00Z') : undefined,
  );
  check(budgetAnnotations.flashBudget, bytes(leastFlashBytes));
  return faults;
}

function bytesOf(text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  if (text === 'none') return Number.POSITIVE_INFINITY;
  try {
    parseQuantity(text);
  } catch {
    return undefined;
  }
  const bytes = value(text);
  return Number.isSafeInteger(bytes) && bytes >= least ? bytes : undefined;
}

function dayOf(text: string | undefined): number | undefined {
  return text !== undefined && /^([1-9]|1\d|2[0-8])$/.test(text) ? Number(text) : undefined;
}

function timeOf(text: string | undefined): number | undefined {
  const ms = text !== undefined && timeForm.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** When the month of a budget began that a moment lies in, and when the next one does. */
export function budgetMonth(nowMs: number, day: number): { readonly startMs: number; readonly endMs: number } {
  const now = new Date(nowMs);
  const months = now.getUTCFullYear() * 12 + now.getUTCMonth() - (now.getUTCDate() < day ? 1 : 0);
  const at = (count: number): number => Date.UTC(Math.floor(count / 12), count % 12, day);
  return { startMs: at(months), endMs: at(months + 1) };
}
