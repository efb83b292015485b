import type { Pod } from '@flotilla/shared/api/generated/types.js';
import type { Planner } from './plan-container.ts';
import { restartPolicyOf } from './pod-rules.ts';

/** The share of a lease that may be spent on a graceful stop: by then two renewals have failed. */
const stopShare = 3;

/**
 * What is to stop, and by when (monotonic), because the pod's lease is over or about to be; undefined while it may run. A pod that is not
 * to be restarted is killed at the end: were it told to end, an end in good order would count as its work done.
 */
export function leaseIsOver(planner: Planner, pod: Pod): { readonly names: readonly string[]; readonly deadlineMs: number } | undefined {
  const { nowMs, permit } = planner;
  if (!permit) return undefined;
  const graceMs = (pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000;
  const earlyMs = restartPolicyOf(pod) === 'Always' ? Math.min(graceMs, permit.termMs / stopShare) : 0;
  const stopInMs = permit.mayRun ? permit.leftMs - earlyMs : 0;
  if (stopInMs > 0) {
    planner.wakeAt(nowMs + stopInMs);
    return undefined;
  }
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const names = [...initContainers, ...containers, ...ephemeralContainers].map(({ name }) => name);
  // Woken again at the very end, for what has not stopped by itself.
  if (permit.leftMs > 0) planner.wakeAt(nowMs + permit.leftMs);
  return { names, deadlineMs: nowMs + Math.max(0, permit.leftMs) };
}
