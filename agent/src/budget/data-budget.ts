import { budgetAnnotations, budgetMonth } from '@flotilla/shared/api/board-budget.js';
import { type Shed, shedOrder } from '@flotilla/shared/protocol/traffic-messages.js';
import { bytesText } from '@flotilla/shared/quantity/bytes-text.js';

/** Shares of the budget from which on something is held back. */
const shedFrom: Readonly<Record<Shed, number>> = { logs: 0.8, metrics: 0.9, pulls: 0.95, streams: 1 };

export interface DataUse {
  /** This month, both ways. */
  readonly usedBytes: number;
  /** Undefined is without a budget. */
  readonly budgetBytes: number | undefined;
  readonly overrideUntilMs: number | undefined;
  readonly nowMs: number;
}

/** What is held back, the first first. Pure. */
export function shedOf({ usedBytes, budgetBytes, overrideUntilMs = 0, nowMs }: DataUse): readonly Shed[] {
  if (budgetBytes === undefined || nowMs < overrideUntilMs) return [];
  return shedOrder.filter((what) => usedBytes >= budgetBytes * shedFrom[what]);
}

/** Why something is refused, for whoever wanted it: names the budget and the way around it. */
export function refusalOf(what: Shed, { usedBytes, budgetBytes = 0, nowMs }: DataUse, node: string, day: number): string {
  const { startMs, endMs } = budgetMonth(nowMs, day);
  return (
    `node ${node} has used ${bytesText(usedBytes)} of its data budget of ${bytesText(budgetBytes)} for the month from ${dateText(startMs)}: ` +
    `${what} are refused until ${dateText(endMs)}; \`flotilla node traffic ${node} --override 2h\`, ` +
    `or the annotation ${budgetAnnotations.dataBudgetOverride} of the Node, lets them through before`
  );
}

export function dateText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
