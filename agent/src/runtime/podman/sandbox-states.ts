import { type ContainerState, podLabels, type SandboxState } from '../types.ts';
import type { LibpodContainer, LibpodInspect, LibpodPod } from './libpod-types.ts';
import { podmanLabels } from './pod-names.ts';

/** What is known of a container only by inspecting it. */
export interface ContainerTimes {
  /** Of the listing that it belongs to: when one of these changed, inspect again. */
  readonly key: string;
  readonly createdWallMs: number;
  readonly startedWallMs: number | undefined;
  readonly finishedWallMs: number | undefined;
  readonly oomKilled: boolean;
}

export function listedKey(container: LibpodContainer): string {
  return keyOf(statusOf(container.State), seconds(container.StartedAt), seconds(container.ExitedAt));
}

export function inspectedTimes(inspected: LibpodInspect): ContainerTimes {
  const { Status: status, StartedAt, FinishedAt, OOMKilled: oomKilled } = inspected.State;
  const startedWallMs = instant(StartedAt);
  const finishedWallMs = instant(FinishedAt);
  const key = keyOf(statusOf(status), startedWallMs, finishedWallMs);
  return { key, createdWallMs: Date.parse(inspected.Created), startedWallMs, finishedWallMs, oomKilled };
}

function keyOf(status: string, startedWallMs: number | undefined, finishedWallMs: number | undefined): string {
  const second = (ms: number | undefined): string => (ms === undefined ? 'never' : String(Math.floor(ms / 1000)));
  return `${status} ${second(startedWallMs)} ${status === 'exited' ? second(finishedWallMs) : ''}`;
}

/** Puts podman's two lists together. Pods without a readable label are somebody else's. */
export function sandboxStates(
  pods: readonly LibpodPod[],
  containers: readonly LibpodContainer[],
  times: ReadonlyMap<string, ContainerTimes>,
): SandboxState[] {
  const byPod = Map.groupBy(containers, (container) => container.Pod);
  const states: SandboxState[] = [];
  for (const pod of pods) {
    const label = (name: string): string => pod.Labels?.[name] ?? '';
    const inside = byPod.get(pod.Id) ?? [];
    const infra = inside.find((container) => container.IsInfra);
    states.push({
      id: pod.Id,
      namespace: label(podLabels.namespace),
      name: label(podLabels.name),
      uid: label(podLabels.uid),
      ready: infra !== undefined && statusOf(infra.State) === 'running',
      ip: pod.Labels?.[podmanLabels.ip],
      createdWallMs: Number(label(podmanLabels.created)) || Date.parse(pod.Created),
      containers: inside
        .filter((container) => !container.IsInfra)
        .map((container) => containerState(container, times.get(container.Id)))
        .sort((a, b) => a.createdWallMs - b.createdWallMs || a.attempt - b.attempt),
    });
  }
  return states.sort((a, b) => a.createdWallMs - b.createdWallMs);
}

/** A container as one inspection shows it, in the words of the list. */
export function inspectedContainer(inspected: LibpodInspect, podId: string): LibpodContainer {
  const wall = (text: string): number => Math.floor(Date.parse(text) / 1000);
  return {
    Id: inspected.Id,
    Created: inspected.Created,
    IsInfra: false,
    Image: '',
    ImageID: inspected.Image,
    Labels: inspected.Config.Labels,
    Pod: podId,
    State: inspected.State.Status,
    StartedAt: wall(inspected.State.StartedAt),
    ExitedAt: wall(inspected.State.FinishedAt),
    ExitCode: inspected.State.ExitCode,
  };
}

export function containerState(container: LibpodContainer, times: ContainerTimes | undefined): ContainerState {
  const label = (name: string): string => container.Labels?.[name] ?? '';
  const status = statusOf(container.State);
  const exact = times?.key === listedKey(container) ? times : undefined;
  return {
    id: container.Id,
    name: label(podLabels.container),
    attempt: Number(label(podLabels.attempt)) || 0,
    hash: label(podLabels.hash),
    image: label(podmanLabels.image) || container.Image,
    imageId: `sha256:${container.ImageID.replace(/^sha256:/, '')}`,
    status,
    createdWallMs: times?.createdWallMs ?? Date.parse(container.Created),
    startedWallMs: status === 'created' ? undefined : (exact?.startedWallMs ?? seconds(container.StartedAt)),
    finishedWallMs: status === 'exited' ? (exact?.finishedWallMs ?? seconds(container.ExitedAt)) : undefined,
    exitCode: status === 'exited' ? container.ExitCode : undefined,
    oomKilled: status === 'exited' && times?.oomKilled === true,
  };
}

export function statusOf(state: string): ContainerState['status'] {
  switch (state) {
    case 'created':
    case 'configured':
    case 'initialized':
      return 'created';
    case 'running':
    case 'paused':
    case 'stopping':
      return 'running';
    case 'stopped':
    case 'exited':
      return 'exited';
    default:
      return 'unknown';
  }
}

function seconds(value: number): number | undefined {
  return value > 0 ? value * 1000 : undefined;
}

function instant(text: string): number | undefined {
  const ms = Date.parse(text);
  return ms > 0 ? ms : undefined;
}
