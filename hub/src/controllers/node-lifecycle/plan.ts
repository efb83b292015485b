import type { Node, NodeCondition, NodeStatus, Pod, PodCondition, Taint } from '@flotilla/shared/api/generated/types.js';
import { nodeOfflineReason, offlineWords, podOfflineSince } from '@flotilla/shared/api/offline.js';
import { absenceTaints } from '@flotilla/shared/api/offline-policy.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { isFinished } from '../pod-state.ts';

const unreachable = 'node.kubernetes.io/unreachable';
const notReady = 'node.kubernetes.io/not-ready';

const silentConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

/**
 * The status of a node whose board is away: nothing is known of it. Undefined when it says so already.
 * @param sinceMs when it was heard last: kept in `lastHeartbeatTime`, where a hub that starts anew finds it
 */
export function unknownStatus(node: Node, nowMs: number, sinceMs: number): NodeStatus | undefined {
  const known = node.status?.conditions ?? [];
  let changed = false;
  const conditions: NodeCondition[] = known.filter(({ type }) => !silentConditions.some((silent) => silent === type));
  for (const type of silentConditions) {
    const old = known.find((condition) => condition.type === type);
    if (old?.status === 'Unknown') {
      conditions.push(old);
      continue;
    }
    changed = true;
    const since = kubeTime(Math.min(sinceMs, nowMs));
    const message = `the board is offline since ${since}; its pods go on there, and what is shown is what it said last`;
    const told = old
      ? { reason: 'NodeStatusUnknown', message }
      : { reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' };
    conditions.push({ ...old, type, status: 'Unknown', ...told, lastHeartbeatTime: since, lastTransitionTime: kubeTime(nowMs) });
  }
  return changed ? { ...node.status, conditions } : undefined;
}

/** The pod with what its board's absence makes of its Ready condition; the same pod when it says so already, or has ended. */
export function offlinePod(pod: Pod, node: string, since: string, nowMs: number): Pod {
  if (isFinished(pod) || podOfflineSince(pod) === since) return pod;
  const conditions = pod.status?.conditions ?? [];
  const ready = conditions.find(({ type }) => type === 'Ready');
  const offline: PodCondition = {
    type: 'Ready',
    status: 'False',
    reason: nodeOfflineReason,
    message: offlineWords(node, since),
    lastProbeTime: since,
    lastTransitionTime: (ready?.status === 'False' && ready.lastTransitionTime) || kubeTime(nowMs),
  };
  return { ...pod, status: { ...pod.status, conditions: [...conditions.filter((condition) => condition !== ready), offline] } };
}

export function readyStatus(node: Node): string {
  return node.status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'Unknown';
}

const pressures: readonly (readonly [string, string])[] = [
  ['MemoryPressure', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'node.kubernetes.io/disk-pressure'],
  ['PIDPressure', 'node.kubernetes.io/pid-pressure'],
  ['NetworkUnavailable', 'node.kubernetes.io/network-unavailable'],
];

/** The taints that follow from a node's conditions and `spec.unschedulable`, without those others have set. */
function wantedTaints(node: Node): Taint[] {
  const taints: Taint[] = [];
  const ready = readyStatus(node);
  if (ready !== 'True') {
    // A node that has not reported yet is new, not away.
    const known = node.status?.conditions?.some(({ type }) => type === 'Ready');
    const key = ready === 'False' || !known ? notReady : unreachable;
    taints.push({ key, effect: 'NoSchedule' }, { key, effect: 'NoExecute' });
  }
  for (const [type, key] of pressures) {
    if (node.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True'))
      taints.push({ key, effect: 'NoSchedule' });
  }
  if (node.spec?.unschedulable) taints.push({ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' });
  return taints;
}

const managed: ReadonlySet<string> = new Set([...absenceTaints, ...pressures.map(([, key]) => key), 'node.kubernetes.io/unschedulable']);

/** All taints the node shall have; undefined when it has them. Those that stay keep the time they were added. */
export function planTaints(node: Node, nowMs: number): Taint[] | undefined {
  const there = node.spec?.taints ?? [];
  const wanted = wantedTaints(node);
  const same = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
  const kept = there.filter((taint) => !managed.has(taint.key) || wanted.some((want) => same(want, taint)));
  const added = wanted
    .filter((want) => !there.some((taint) => same(taint, want)))
    .map((want): Taint => ({ ...want, timeAdded: kubeTime(nowMs) }));
  return added.length === 0 && kept.length === there.length ? undefined : [...kept, ...added];
}
