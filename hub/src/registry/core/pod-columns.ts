import type { ContainerStatus, Pod } from '@flotilla/shared/api/generated/types.js';
import { podOfflineSince } from '@flotilla/shared/api/offline.js';
import { ageColumn, nameColumn, textColumn, wideColumn, withAbsence } from '#registry/generic/columns.ts';
import { since } from '#registry/generic/human-duration.ts';
import type { TableColumn } from '#registry/generic/types.ts';

interface Summary {
  readonly ready: number;
  readonly total: number;
  readonly reason: string;
  readonly restarts: number;
  /** When the last of the restarts began, in milliseconds. */
  readonly restartedMs: number;
}

interface Counter {
  restarts: number;
  restartedMs: number;
}

/** What `kubectl get pods` says of a pod (pkg/printers, printPod). */
function summarize(pod: Pod): Summary {
  const { spec, status = {} } = pod;
  const sidecars = new Set((spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name));
  const phase = status.phase ?? '';
  let reason = status.reason || phase;
  const gated = status.conditions?.some((condition) => condition.type === 'PodScheduled' && condition.reason === 'SchedulingGated');
  if (gated) reason = 'SchedulingGated';

  const init = initProgress(pod, sidecars);
  reason = init.reason ?? reason;
  let ready = init.ready;
  let counter: Counter = init.all;
  const initialized = status.conditions?.some(({ type, status: value }) => type === 'Initialized' && value === 'True');
  if (init.reason === undefined || initialized) {
    counter = init.sidecars;
    const main = mainProgress(status.containerStatuses ?? [], counter, reason);
    ready += main.ready;
    reason = main.reason;
    if (reason === 'Completed' && main.ready > 0) {
      const isReady = status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
      reason = isReady ? 'Running' : 'NotReady';
    }
  }
  if (pod.metadata?.deletionTimestamp && status.reason === 'NodeLost') reason = 'Unknown';
  else if (pod.metadata?.deletionTimestamp && phase !== 'Succeeded' && phase !== 'Failed') reason = 'Terminating';
  return { ready, total: (spec?.containers?.length ?? 0) + sidecars.size, reason, ...counter };
}

function initProgress({ spec, status }: Pod, sidecars: ReadonlySet<string>) {
  const all: Counter = { restarts: 0, restartedMs: 0 };
  const ofSidecars: Counter = { restarts: 0, restartedMs: 0 };
  let ready = 0;
  for (const [index, container] of (status?.initContainerStatuses ?? []).entries()) {
    count(all, container);
    const isSidecar = sidecars.has(container.name);
    if (isSidecar) count(ofSidecars, container);
    const { terminated, waiting } = container.state ?? {};
    if (terminated && terminated.exitCode === 0) continue;
    if (isSidecar && container.started) {
      if (container.ready) ready++;
      continue;
    }
    const progress = { ready, all, sidecars: ofSidecars };
    if (terminated) return { ...progress, reason: `Init:${endReason(terminated)}` };
    if (waiting?.reason && waiting.reason !== 'PodInitializing') return { ...progress, reason: `Init:${waiting.reason}` };
    return { ...progress, reason: `Init:${index}/${spec?.initContainers?.length ?? 0}` };
  }
  return { ready, all, sidecars: ofSidecars, reason: undefined };
}

function mainProgress(statuses: readonly ContainerStatus[], counter: Counter, given: string): { ready: number; reason: string } {
  let ready = 0;
  let reason = given;
  for (const container of [...statuses].reverse()) {
    count(counter, container);
    const { waiting, terminated, running } = container.state ?? {};
    if (waiting?.reason) reason = waiting.reason;
    else if (terminated) reason = endReason(terminated);
    else if (container.ready && running) ready++;
  }
  return { ready, reason };
}

function count(counter: Counter, { restartCount, lastState }: ContainerStatus): void {
  counter.restarts += restartCount ?? 0;
  const finishedMs = Date.parse(lastState?.terminated?.finishedAt ?? '');
  if (finishedMs > counter.restartedMs) counter.restartedMs = finishedMs;
}

function endReason({ reason, signal, exitCode }: { reason?: string; signal?: number; exitCode: number }): string {
  if (reason) return reason;
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter(({ conditionType }) => status?.conditions?.find(({ type }) => type === conditionType)?.status === 'True');
  return `${met.length}/${gates.length}`;
}

export const podColumns: readonly TableColumn<Pod>[] = [
  nameColumn,
  textColumn('Ready', 'The aggregate readiness state of this pod for accepting traffic.', (pod) => {
    const { ready, total } = summarize(pod);
    return `${ready}/${total}`;
  }),
  // What it says is what was known when its board went away.
  textColumn('Status', 'The aggregate status of the containers in this pod.', (pod, nowMs) =>
    withAbsence(summarize(pod).reason, podOfflineSince(pod), nowMs),
  ),
  textColumn(
    'Restarts',
    'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    (pod, nowMs) => {
      const { restarts, restartedMs } = summarize(pod);
      if (restarts === 0 || restartedMs === 0) return String(restarts);
      return `${restarts} (${since(new Date(restartedMs).toISOString(), nowMs)} ago)`;
    },
  ),
  ageColumn,
  wideColumn('IP', 'The address of the pod.', ({ status }) => status?.podIPs?.[0]?.ip || status?.podIP || '<none>'),
  wideColumn('Node', 'The node the pod was assigned to.', ({ spec }) => spec?.nodeName || '<none>'),
  wideColumn('Nominated Node', 'The node the pod waits for.', ({ status }) => status?.nominatedNodeName || '<none>'),
  wideColumn('Readiness Gates', 'How many of the further conditions for readiness are met.', readinessGates),
];
