import { kubeTime } from '@flotilla/shared/clock/clock.js';
import type { Condition, Pod, PodStatus } from '../objects.ts';

/** Conditions that the hub's own parts set; a board's word on them does not count. */
const hubConditions: ReadonlySet<string> = new Set(['PodScheduled', 'DisruptionTarget']);

/** What the status becomes when its board reports `reported`; undefined when there is nothing to write. Pure. */
export function mergePodStatus(pod: Pod, reported: Readonly<Record<string, unknown>>, nowMs: number): PodStatus | undefined {
  const current = pod.status ?? {};
  const next = reported as PodStatus;
  // A pod that ended stays ended (kubelet: "pod transitions from a terminal phase are not allowed").
  if (isTerminal(current.phase) && !isTerminal(next.phase)) return undefined;
  return {
    ...keep(current),
    ...next,
    ...(current.qosClass ? { qosClass: current.qosClass } : {}),
    ...(current.startTime ? { startTime: current.startTime } : {}),
    conditions: mergeConditions(current.conditions ?? [], next.conditions ?? [], hubConditions, nowMs),
  };
}

/** What the hub put into the status and a board knows nothing of. */
function keep(current: PodStatus): PodStatus {
  const { nominatedNodeName } = current as { nominatedNodeName?: string };
  return nominatedNodeName ? ({ nominatedNodeName } as PodStatus) : {};
}

/**
 * Reported conditions replace those of their type, the others stay. The transition time moves only with the status: to what the board
 * says, unless that was before the transition that is known, or is yet to come.
 */
export function mergeConditions(
  current: readonly Condition[],
  reported: readonly Condition[],
  ours: ReadonlySet<string>,
  nowMs: number,
): Condition[] {
  const theirs = reported.filter((condition) => !ours.has(condition.type));
  const names = new Set(theirs.map((condition) => condition.type));
  const merged = theirs.map((condition) => {
    const before = current.find((other) => other.type === condition.type);
    if (before?.status === condition.status && before.lastTransitionTime)
      return { ...condition, lastTransitionTime: before.lastTransitionTime };
    const saidMs = Date.parse(condition.lastTransitionTime ?? '');
    const fits = saidMs <= nowMs && !(saidMs <= Date.parse(before?.lastTransitionTime ?? ''));
    return { ...condition, lastTransitionTime: kubeTime(fits ? saidMs : nowMs) };
  });
  return [...current.filter((condition) => !names.has(condition.type)), ...merged];
}

function isTerminal(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}
