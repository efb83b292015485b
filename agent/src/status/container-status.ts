import type { Container, ContainerState, ContainerStateTerminated, ContainerStatus } from '@flotilla/shared/api/generated/types.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import type { PodSnapshot } from '#pods/pod-doors.ts';
import type { Ended } from '#pods/pod-record.ts';
import { isRestartable } from '#pods/pod-rules.ts';

export interface StatusContext {
  /** `podman`: the scheme of container ids. */
  readonly runtimeName: string;
  readonly hostIPs: readonly string[];
  /** What the board's own clock said in a boot (this one when left out), in true time as far as that is known. */
  readonly correct: (ownWallMs: number, bootId?: string) => number;
}

export type Kind = 'init' | 'app' | 'ephemeral';

/** One container as the API shows it (after the kubelet's `convertStatusToAPIStatus`). */
export function containerStatus(
  snapshot: PodSnapshot,
  container: Container,
  kind: Kind,
  initialized: boolean,
  context: StatusContext,
): ContainerStatus {
  const { name, image = '' } = container;
  const record = snapshot.record.containers[name];
  const here = snapshot.sandboxes
    .flatMap(({ containers }) => containers)
    .find((other) => other.name === name && other.status === 'running');
  const running = here !== undefined && here.attempt === record?.attempt;
  const startedWallMs = record?.startedWallMs ?? here?.startedWallMs;
  const ended = running ? undefined : record?.ended;
  const waitsAgain = ended && !isSettled(snapshot, container, kind, ended);
  const state: ContainerState = running
    ? { running: startedWallMs === undefined ? {} : { startedAt: kubeTime(context.correct(startedWallMs, record.bootId)) } }
    : ended && !waitsAgain
      ? { terminated: terminated(ended, context) }
      : { waiting: waiting(snapshot, name, kind, initialized) };
  const last = waitsAgain ? ended : record?.previous;
  const id = record?.id ?? '';
  const sidecar = kind === 'init' && isRestartable(container);
  return {
    name,
    state,
    lastState: last ? { terminated: terminated(last, context) } : {},
    // Without probes a container is ready while it runs, an init container when it is done, an ephemeral one never.
    ready: kind === 'app' || sidecar ? running : kind === 'init' && state.terminated?.exitCode === 0,
    restartCount: record?.attempt ?? 0,
    image,
    imageID: record?.imageId ?? '',
    ...(id ? { containerID: `${context.runtimeName}://${id}` } : {}),
    ...(kind === 'ephemeral' ? {} : { started: running }),
  };
}

function waiting(snapshot: PodSnapshot, name: string, kind: Kind, initialized: boolean): { reason: string; message?: string } {
  const known = snapshot.memory.containers.get(name)?.waiting;
  if (known && !snapshot.removing) return known.message ? { reason: known.reason, message: known.message } : { reason: known.reason };
  const hasInit = (snapshot.pod?.spec?.initContainers ?? []).length > 0;
  return { reason: hasInit && !(kind === 'app' && initialized) ? 'PodInitializing' : 'ContainerCreating' };
}

/** Whether an ended container shows as terminated; otherwise it waits for its next start. */
function isSettled({ memory, record, removing }: PodSnapshot, container: Container, kind: Kind, ended: Ended): boolean {
  if (removing || record.terminal || kind === 'ephemeral') return true;
  if (kind === 'init' && !isRestartable(container) && ended.exitCode === 0) return true;
  // Between its end and what the worker makes of it, it is what it is: terminated.
  return memory.containers.get(container.name)?.waiting === undefined;
}

function terminated(ended: Ended, { correct, runtimeName }: StatusContext): ContainerStateTerminated {
  const time = (wallMs: number | undefined): string | undefined =>
    wallMs === undefined ? undefined : kubeTime(correct(wallMs, ended.bootId));
  const [startedAt, finishedAt] = [time(ended.startedWallMs), time(ended.finishedWallMs)];
  return {
    exitCode: ended.exitCode,
    reason: ended.reason,
    ...(ended.message ? { message: ended.message } : {}),
    ...(startedAt ? { startedAt } : {}),
    ...(finishedAt ? { finishedAt } : {}),
    ...(ended.id ? { containerID: `${runtimeName}://${ended.id}` } : {}),
  };
}
