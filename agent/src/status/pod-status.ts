import type { Container, ContainerStatus, PodCondition, PodStatus } from '@flotilla/shared/api/generated/types.js';
import { qosClassOf } from '@flotilla/shared/api/qos-class.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import type { PodSnapshot } from '#pods/pod-doors.ts';
import type { ContainerRecord } from '#pods/pod-record.ts';
import { isRestartable, restartPolicyOf } from '#pods/pod-rules.ts';
import { containerStatus, type StatusContext } from './container-status.ts';

/**
 * `v1.PodStatus` without what only the hub knows (PodScheduled). A function of the pod, its record and what runs: an agent that starts
 * anew says the same as the one before, transition times included.
 */
export function podStatus(snapshot: PodSnapshot, context: StatusContext): PodStatus {
  const { pod, record, sandboxes } = snapshot;
  const init = pod?.spec?.initContainers ?? [];
  const apps = pod?.spec?.containers ?? unknownContainers(snapshot);
  const begun = apps.some(({ name }) => record.containers[name] !== undefined);
  const initDone = init.map((container) => isInitDone(snapshot, container));
  const initialized = begun || initDone.every(Boolean);
  const initContainerStatuses = init.map((container) => containerStatus(snapshot, container, 'init', initialized, context));
  const containerStatuses = apps.map((container) => containerStatus(snapshot, container, 'app', initialized, context));
  const ephemeral = pod?.spec?.ephemeralContainers ?? [];
  const phase = phaseOf(snapshot, containerStatuses, initContainerStatuses, init, initialized);
  const sandbox = sandboxes.find(({ ready }) => ready);
  const ended = phase === 'Succeeded' || phase === 'Failed';
  const podIP = pod?.spec?.hostNetwork ? sandbox && context.hostIPs[0] : ended ? record.podIP : sandbox?.ip;
  const { reason, message } = record.terminal ?? {};
  return {
    phase,
    ...(reason ? { reason } : {}),
    ...(message ? { message } : {}),
    conditions: conditions(snapshot, { initContainerStatuses, containerStatuses, initialized, phase, init }, context),
    ...(context.hostIPs[0] ? { hostIP: context.hostIPs[0], hostIPs: context.hostIPs.map((ip) => ({ ip })) } : {}),
    ...(podIP ? { podIP, podIPs: [{ ip: podIP }] } : {}),
    startTime: kubeTime(context.correct(record.startWallMs, record.bootId)),
    ...(init.length > 0 ? { initContainerStatuses } : {}),
    containerStatuses,
    ...(ephemeral.length > 0
      ? {
          ephemeralContainerStatuses: ephemeral.map((container) => containerStatus(snapshot, container, 'ephemeral', initialized, context)),
        }
      : {}),
    ...(pod ? { qosClass: qosClassOf(pod.spec) } : {}),
  };
}

/** Of a pod that is gone from the manifest only the names are left. */
function unknownContainers({ record }: PodSnapshot): Container[] {
  return Object.entries(record.containers).map(([name, { image }]) => ({ name, image }));
}

function isInitDone({ record, sandboxes }: PodSnapshot, container: Container): boolean {
  const found = record.containers[container.name];
  if (isRestartable(container))
    return sandboxes.some(({ containers }) => containers.some(({ name, status }) => name === container.name && status === 'running'));
  return found?.ended?.exitCode === 0;
}

/** After the kubelet's `getPhase`. */
function phaseOf(
  { pod, record, removing, sandboxes }: PodSnapshot,
  apps: readonly ContainerStatus[],
  inits: readonly ContainerStatus[],
  init: readonly Container[],
  initialized: boolean,
): 'Pending' | 'Running' | 'Succeeded' | 'Failed' {
  const { terminal } = record;
  const running = sandboxes.some(({ containers }) => containers.some(({ status }) => status === 'running'));
  if (terminal && (terminal.reason || !running)) return terminal.phase;
  if (!initialized) {
    const failed = inits.some(
      ({ state }, index) => !isRestartable(init[index] ?? { name: '' }) && (state?.terminated?.exitCode ?? 0) !== 0,
    );
    return failed && pod && restartPolicyOf(pod) === 'Never' ? 'Failed' : 'Pending';
  }
  const waiting = apps.filter(({ state, lastState }) => state?.waiting && !lastState?.terminated);
  if (waiting.length > 0 && !removing) {
    return apps.some(({ state, lastState }) => state?.terminated || state?.running || lastState?.terminated) ? 'Running' : 'Pending';
  }
  return apps.some(({ state, lastState }) => state?.running || state?.terminated || lastState?.terminated) ? 'Running' : 'Pending';
}

interface Found {
  readonly init: readonly Container[];
  readonly initContainerStatuses: readonly ContainerStatus[];
  readonly containerStatuses: readonly ContainerStatus[];
  readonly initialized: boolean;
  readonly phase: string;
}

/** After the kubelet's `status/generate.go`. Transition times are those of what they tell of, so that they need no memory. */
function conditions(snapshot: PodSnapshot, found: Found, { correct }: StatusContext): PodCondition[] {
  const { record, sandboxes } = snapshot;
  const sandbox = sandboxes.find(({ ready }) => ready);
  const began = correct(record.startWallMs, record.bootId);
  const inits = found.initContainerStatuses.filter((_, index) => !isRestartable(found.init[index] ?? { name: '' }));
  const initDoneMs = inits.map(({ name }) => dateOf(record.containers[name], correct) ?? began).reduce((a, b) => Math.max(a, b), began);
  const sidecars = found.initContainerStatuses.filter((_, index) => isRestartable(found.init[index] ?? { name: '' }));
  const watched = [...sidecars, ...found.containerStatuses];
  const changedMs = watched.map(({ name }) => dateOf(record.containers[name], correct) ?? began).reduce((a, b) => Math.max(a, b), began);

  const ready = readiness(found, watched);
  const initialized: Verdict = found.initialized
    ? found.phase === 'Succeeded'
      ? { status: 'True', reason: 'PodCompleted' }
      : { status: 'True' }
    : {
        status: 'False',
        reason: 'ContainersNotInitialized',
        message: `containers with incomplete status: [${unready(found.initContainerStatuses)}]`,
      };
  return [
    condition('PodReadyToStartContainers', { status: sandbox ? 'True' : 'False' }, sandbox ? correct(sandbox.createdWallMs) : changedMs),
    condition('Initialized', initialized, found.initialized ? initDoneMs : began),
    condition('Ready', ready, changedMs),
    condition('ContainersReady', ready, changedMs),
  ];
}

/** When a container ended, or else was started. */
function dateOf(container: ContainerRecord | undefined, correct: StatusContext['correct']): number | undefined {
  const { ended, startedWallMs, bootId } = container ?? {};
  if (ended?.finishedWallMs !== undefined) return correct(ended.finishedWallMs, ended.bootId);
  return startedWallMs === undefined ? undefined : correct(startedWallMs, bootId);
}

interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
}

function readiness({ phase }: Found, watched: readonly ContainerStatus[]): Verdict {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const names = unready(watched);
  if (!names) return { status: 'True' };
  return { status: 'False', reason: 'ContainersNotReady', message: `containers with unready status: [${names}]` };
}

function unready(statuses: readonly ContainerStatus[]): string {
  return statuses
    .filter(({ ready }) => !ready)
    .map(({ name }) => name)
    .join(' ');
}

function condition(type: string, verdict: Verdict, wallMs: number): PodCondition {
  return { type, ...verdict, lastTransitionTime: kubeTime(wallMs) };
}
