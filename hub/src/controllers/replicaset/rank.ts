import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { isReady, podCondition } from '../pod-state.ts';
import { wasReplaced } from './absence.ts';

const costAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
const phases: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

interface Ranked {
  readonly pod: Pod;
  /** What counts, in order; a smaller number goes first. */
  readonly rank: readonly number[];
}

/**
 * The order in which pods are given up when there are too many (controller.ActivePodsWithRanks): not the original of one that replaced it, not assigned, not running,
 * not ready, cheap to delete, doubled up on their node, young readiness, many restarts, young. Ages count by powers of two.
 */
export function deletionOrder(pods: readonly Pod[], sameNode: (pod: Pod) => number, nowMs: number): Pod[] {
  const ranked = pods.map((pod): Ranked => ({ pod, rank: rankOf(pod, sameNode(pod), nowMs) }));
  ranked.sort((a, b) => {
    for (const [index, value] of a.rank.entries()) {
      const difference = value - (b.rank[index] ?? 0);
      if (difference !== 0) return difference;
    }
    return (a.pod.metadata?.uid ?? '') < (b.pod.metadata?.uid ?? '') ? -1 : 1;
  });
  return ranked.map(({ pod }) => pod);
}

function rankOf(pod: Pod, doubled: number, nowMs: number): number[] {
  const ready = isReady(pod);
  const restarts = Math.max(0, ...(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount ?? 0));
  return [
    // Its owner wants the original kept when its board is back.
    wasReplaced(pod) ? 1 : 0,
    pod.spec?.nodeName ? 1 : 0,
    phases[pod.status?.phase ?? 'Pending'] ?? 0,
    ready ? 1 : 0,
    deletionCost(pod),
    -doubled,
    ready ? ageClass(podCondition(pod, 'Ready')?.lastTransitionTime, nowMs) : 0,
    -restarts,
    ageClass(pod.metadata?.creationTimestamp, nowMs),
  ];
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata?.annotations?.[costAnnotation] ?? '0';
  return /^(0|-?[1-9][0-9]{0,9})$/.test(text) ? Number(text) : 0;
}

function ageClass(time: string | undefined, nowMs: number): number {
  if (!time) return -1;
  const seconds = (nowMs - Date.parse(time)) / 1000;
  return seconds < 1 ? 0 : Math.floor(Math.log2(seconds)) + 1;
}
