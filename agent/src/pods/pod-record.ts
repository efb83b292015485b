import type { ContainerState, SandboxState } from '#runtime/types.ts';

/** How a container ended, in the terms of `v1.ContainerStateTerminated`. */
export interface Ended {
  readonly attempt: number;
  readonly id: string;
  readonly image: string;
  readonly imageId: string;
  readonly exitCode: number;
  readonly reason: string;
  readonly message?: string;
  readonly startedWallMs?: number;
  readonly finishedWallMs?: number;
  /** The boot whose clock these times are of. */
  readonly bootId?: string;
}

/** The newest attempt of one container that this board knows of, whether or not the runtime still has it. */
export interface ContainerRecord {
  /** How often it was started before: the API's restartCount. */
  readonly attempt: number;
  readonly id: string;
  readonly image: string;
  readonly imageId: string;
  /** Of what it was made of, see containerHash. */
  readonly hash?: string;
  readonly startedWallMs?: number;
  /** The boot in which it was started. */
  readonly bootId?: string;
  /** Undefined while it runs. */
  readonly ended?: Ended;
  /** How the attempt before this one ended: the API's lastState. */
  readonly previous?: Ended;
}

export interface Terminal {
  readonly phase: 'Succeeded' | 'Failed';
  /** `DeadlineExceeded` and the like: the phase then counts while containers still run. */
  readonly reason?: string;
  readonly message?: string;
}

/**
 * What must outlive the runtime's own memory of a pod: attempts, how containers ended, and that it ended for good. On disk as
 * `pods/UID/record`.
 */
export interface PodRecord {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** When this board first saw the pod: `status.startTime`. */
  readonly startWallMs: number;
  readonly bootId?: string;
  /** The same moment on the boot clock of `bootId`: no clock that is set changes what has gone by since. */
  readonly startBootMs?: number;
  /** Counts when the pod is gone from the manifest and its spec with it. */
  readonly graceSeconds: number;
  /** The last address, for the status of a pod that ended. */
  readonly podIP?: string;
  readonly containers: Readonly<Record<string, ContainerRecord>>;
  readonly terminal?: Terminal;
}

const unknownMessage = 'The container could not be located when the pod was terminated';

/**
 * Takes what the runtime shows into the record. Returns the same object when nothing is new.
 * @param bootId whose clock dates what is new
 */
export function observe(record: PodRecord, sandboxes: readonly SandboxState[], bootId?: string): PodRecord {
  const seen = new Map<string, ContainerState[]>();
  for (const sandbox of sandboxes) {
    for (const container of sandbox.containers) seen.set(container.name, [...(seen.get(container.name) ?? []), container]);
  }
  const containers: Record<string, ContainerRecord> = { ...record.containers };
  let changed = false;
  for (const name of new Set([...seen.keys(), ...Object.keys(record.containers)])) {
    const before = record.containers[name];
    const after = observeContainer(before, seen.get(name) ?? [], bootId);
    if (!after || JSON.stringify(after) === JSON.stringify(before)) continue;
    containers[name] = after;
    changed = true;
  }
  const podIP = sandboxes.find((sandbox) => sandbox.ready)?.ip ?? record.podIP;
  if (podIP !== record.podIP) changed = true;
  return changed ? { ...record, ...(podIP === undefined ? {} : { podIP }), containers } : record;
}

function observeContainer(
  before: ContainerRecord | undefined,
  seen: readonly ContainerState[],
  bootId: string | undefined,
): ContainerRecord | undefined {
  const byAttempt = [...seen].filter((container) => container.status !== 'created').sort((a, b) => b.attempt - a.attempt);
  const newest = byAttempt[0];
  if (!newest || (before && newest.attempt < before.attempt)) {
    // It is not in the runtime. If nothing told how it ended, somebody removed it, or the runtime forgot it in a power cut.
    return before && !before.ended ? { ...before, ended: vanished(before) } : before;
  }
  const older = byAttempt.find((container) => container.attempt === newest.attempt - 1);
  const previous =
    before && before.attempt < newest.attempt
      ? (before.ended ?? (older?.status === 'exited' ? endedOf(older, before.bootId) : vanished(before)))
      : (before?.previous ?? (older?.status === 'exited' ? endedOf(older, bootId) : undefined));
  const datedBy = before?.attempt === newest.attempt ? before.bootId : bootId;
  const known = before?.attempt === newest.attempt ? before.ended : undefined;
  const startedWallMs = before?.id === newest.id ? finer(before.startedWallMs, newest.startedWallMs) : newest.startedWallMs;
  const ended = newest.status === 'running' ? undefined : newest.status === 'exited' ? (known ?? endedOf(newest, datedBy)) : known;
  return {
    attempt: newest.attempt,
    id: newest.id,
    image: newest.image,
    imageId: newest.imageId,
    hash: newest.hash,
    ...(startedWallMs === undefined ? {} : { startedWallMs }),
    ...(datedBy === undefined ? {} : { bootId: datedBy }),
    ...(ended ? { ended } : {}),
    ...(previous ? { previous } : {}),
  };
}

/** A runtime may know the start of what it did not start just now in whole seconds only. */
function finer(beforeMs: number | undefined, nowMs: number | undefined): number | undefined {
  return nowMs !== undefined && nowMs % 1000 === 0 && beforeMs !== undefined && Math.floor(beforeMs / 1000) * 1000 === nowMs
    ? beforeMs
    : nowMs;
}

function endedOf(container: ContainerState, bootId: string | undefined): Ended {
  // Without an exit code its end was not seen: the board lost power.
  const exitCode = container.oomKilled ? (container.exitCode ?? 137) : (container.exitCode ?? 137);
  return {
    attempt: container.attempt,
    id: container.id,
    image: container.image,
    imageId: container.imageId,
    exitCode,
    reason: container.oomKilled ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error',
    ...(container.startedWallMs === undefined ? {} : { startedWallMs: container.startedWallMs }),
    ...(container.finishedWallMs === undefined ? {} : { finishedWallMs: container.finishedWallMs }),
    ...(bootId === undefined ? {} : { bootId }),
  };
}

function vanished(record: ContainerRecord): Ended {
  const { attempt, id, image, imageId, startedWallMs, bootId } = record;
  return {
    ...{ attempt, id, image, imageId, exitCode: 137, reason: 'ContainerStatusUnknown', message: unknownMessage },
    ...(startedWallMs === undefined ? {} : { startedWallMs }),
    ...(bootId === undefined ? {} : { bootId }),
  };
}

/** How a container ended whose process could not be started, as the kubelet shows it with containerd. */
export function startFailed(attempt: number, id: string, image: string, imageId: string, message: string): Ended {
  return { attempt, id, image, imageId, exitCode: 128, reason: 'StartError', message };
}
