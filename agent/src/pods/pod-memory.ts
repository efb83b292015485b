/** What a worker remembers about its pod and may forget: every field can be made again. Times are monotonic milliseconds. */
export interface PodMemory {
  readonly containers: Map<string, ContainerMemory>;
  /** `version` is that of the content the volumes were made of. */
  volumes: { readonly version: string; readonly refreshAtMs: number | undefined } | undefined;
  volumesRetry: Retry | undefined;
  sandboxRetry: Retry | undefined;
  /** When the pod began to be active on this board; moved into the past after a restart of the agent. */
  activeSinceMs: number;
  /** When and with what grace it was first told to go. */
  removal: { sinceMs: number; graceSeconds: number } | undefined;
}

export interface ContainerMemory {
  /** Why it does not run, for the API; undefined leaves it to the default (ContainerCreating, PodInitializing). */
  waiting: { readonly reason: string; readonly message: string } | undefined;
  /** The image of the next start. */
  image:
    | { readonly state: 'pulling'; readonly cancel: AbortController }
    | { readonly state: 'ready'; readonly id: string; readonly user: string }
    | { readonly state: 'failed'; readonly failedAtMs: number; readonly retryAtMs: number; readonly noted: boolean }
    | undefined;
  pullFailures: number;
  /** The start that could not be made: bad configuration or the runtime's refusal. */
  startRetryAtMs: number | undefined;
  /** Its last restart and the delay that counts from its next end (client-go's flowcontrol.Backoff). */
  backOff: { readonly delayMs: number; readonly sinceMs: number } | undefined;
  /** When this worker first saw that the attempt had ended. */
  endSeen: { readonly attempt: number; readonly atMs: number } | undefined;
  /** A stop that was begun, by container id. */
  stopping: { readonly id: string; readonly deadlineMs: number } | undefined;
}

export interface Retry {
  readonly failures: number;
  readonly atMs: number;
}

export function newPodMemory(activeSinceMs: number): PodMemory {
  return { containers: new Map(), volumes: undefined, volumesRetry: undefined, sandboxRetry: undefined, activeSinceMs, removal: undefined };
}

export function containerMemory(memory: PodMemory, name: string): ContainerMemory {
  let found = memory.containers.get(name);
  if (!found) {
    found = {
      waiting: undefined,
      image: undefined,
      pullFailures: 0,
      startRetryAtMs: undefined,
      backOff: undefined,
      endSeen: undefined,
      stopping: undefined,
    };
    memory.containers.set(name, found);
  }
  return found;
}

const firstBackOffMs = 10_000;
const longestBackOffMs = 300_000;
const resetAfterMs = 600_000;

/** Until when a container that ended at `endMs` must wait; 0 when it may start at once. */
export function backOffUntilMs(memory: ContainerMemory, endMs: number): number {
  const { backOff } = memory;
  if (!backOff || endMs - backOff.sinceMs > resetAfterMs) return 0;
  return endMs + backOff.delayMs;
}

/** The back-off after a restart now of a container that ended at `endMs`: 10 s doubling to 300 s, anew after ten minutes up. */
export function nextBackOff(memory: ContainerMemory, endMs: number, nowMs: number): { delayMs: number; sinceMs: number } {
  const { backOff } = memory;
  const fresh = !backOff || endMs - backOff.sinceMs > resetAfterMs;
  return { delayMs: fresh ? firstBackOffMs : Math.min(longestBackOffMs, backOff.delayMs * 2), sinceMs: nowMs };
}

/** `first` doubling to `longest`, by the number of failures so far. */
export function retryAfter(failures: number, firstMs: number, longestMs: number): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(failures, 30));
}
