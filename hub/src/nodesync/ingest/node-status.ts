import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { canonicalJson } from '@flotilla/shared/protocol/canonical-json.js';
import type { NodeReport } from '@flotilla/shared/protocol/messages.js';
import type { Node, NodeStatus } from '../objects.ts';
import { mergeConditions } from './pod-status.ts';

/** A Node whose status is otherwise unchanged is written again when its heartbeat is this old, as the kubelet does. */
const heartbeatEveryMs = 5 * 60_000;

const boardConditions: ReadonlySet<string> = new Set();

/** The Node as its board registers it. */
export function newNode(name: string, report: NodeReport, nowMs: number): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...report.labels } },
    spec: report.taints.length > 0 ? { taints: report.taints } : {},
    status: mergeNodeStatus(undefined, report, nowMs) ?? {},
  };
}

/** The status with what the board reports; undefined when it says nothing new. Pure. */
export function mergeNodeStatus(current: NodeStatus | undefined, report: NodeReport, nowMs: number): NodeStatus | undefined {
  const reported = report.status as NodeStatus;
  const beats = (reported.conditions ?? []).map((condition) => ({ ...condition, lastHeartbeatTime: kubeTime(nowMs) }));
  const conditions = mergeConditions(current?.conditions ?? [], beats, boardConditions, nowMs);
  const next = { ...current, ...reported, conditions };
  if (!current || withoutHeartbeat(next) !== withoutHeartbeat(current)) return next;
  const beatMs = Date.parse(current.conditions?.find((condition) => condition.type === 'Ready')?.lastHeartbeatTime ?? '');
  return nowMs - beatMs < heartbeatEveryMs ? undefined : next;
}

/** Labels that the board keeps right for as long as it lives (kubelet: updateDefaultLabels); all others only count at registration. */
export function mergeNodeLabels(current: Readonly<Record<string, string>>, report: NodeReport): Record<string, string> | undefined {
  const next: Record<string, string> = { ...current };
  for (const [name, value] of Object.entries(report.labels)) if (keptLabels.some((prefix) => name.startsWith(prefix))) next[name] = value;
  return canonicalJson(next) === canonicalJson(current) ? undefined : next;
}

const keptLabels = [
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'node.kubernetes.io/instance-type',
  'fleet.flotilla.dev/',
];

function withoutHeartbeat(status: NodeStatus): string {
  const conditions = (status.conditions ?? []).map(({ lastHeartbeatTime: _heartbeat, ...condition }) => condition);
  return canonicalJson({ ...status, conditions });
}
