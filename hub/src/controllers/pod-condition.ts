import type { Pod, PodCondition } from '@flotilla/shared/api/generated/types.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';

/** The pod with a condition set; the same pod when it says that already. The transition time moves only with the status. */
export function withPodCondition(pod: Pod, condition: Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>, nowMs: number): Pod {
  const conditions = pod.status?.conditions ?? [];
  const old = conditions.find(({ type }) => type === condition.type);
  if (old && old.status === condition.status && old.reason === condition.reason && old.message === condition.message) return pod;
  const same = old?.status === condition.status && old.lastTransitionTime;
  const next: PodCondition = { ...condition, lastTransitionTime: same || kubeTime(nowMs) };
  const others = conditions.filter(({ type }) => type !== condition.type);
  return { ...pod, status: { ...pod.status, conditions: [...others, next] } };
}
