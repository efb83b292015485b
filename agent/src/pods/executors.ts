import type { Pod } from '@flotilla/shared/api/generated/types.js';
import type { SandboxState } from '#runtime/types.ts';
import { RuntimeError } from '#runtime/types.ts';
import { apiPlace } from './api-place.ts';
import { buildSandboxSpec, podTitle } from './container-spec.ts';
import { ensureImage, noteImageBackOff } from './image-steps.ts';
import type { Step } from './plan-steps.ts';
import type { NewEvent, PodDoors } from './pod-doors.ts';
import type { PodEntry } from './pod-entry.ts';
import { containerMemory, retryAfter } from './pod-memory.ts';
import type { RuntimeView } from './runtime-view.ts';
import { startContainer } from './start-container.ts';
import { prepareContainerFolders } from './termination-message.ts';

export interface StepContext {
  readonly doors: PodDoors;
  readonly entry: PodEntry;
  readonly view: RuntimeView;
  readonly signal: AbortSignal;
  /** The pod as the manifest has it, or had it last. */
  readonly pod: Pod | undefined;
  readonly sandboxes: readonly SandboxState[];
  readonly volumesVersion: string;
  /** Has the pod looked at again, now. */
  readonly wake: () => void;
  /** Forgets the pod. */
  readonly forget: () => void;
}

/** False when the step could not be done and said in memory when to try again. What is thrown has the worker back off. */
type Executor<Name extends Step['do']> = (step: Extract<Step, { do: Name }>, context: StepContext) => Promise<boolean>;

const executors: { readonly [Name in Step['do']]: Executor<Name> } = {
  async together({ steps }, context) {
    const results = await Promise.allSettled(steps.map((step) => execute(step, context)));
    const thrown = results.find((result) => result.status === 'rejected');
    if (thrown) throw thrown.reason;
    return results.every((result) => result.status === 'fulfilled' && result.value);
  },

  async mountVolumes(_, { doors, entry, pod, volumesVersion }) {
    const { memory, record } = entry;
    if (!pod) return false;
    try {
      const podIPs = record.podIP ? [record.podIP] : [];
      const [{ refreshAtMs }] = await Promise.all([
        doors.volumes.mount({ ...doors.node(), pod, podIPs }),
        prepareContainerFolders(doors.files, doors.volumes.podDir(entry.uid), pod),
      ]);
      memory.volumes = { version: volumesVersion, refreshAtMs };
      memory.volumesRetry = undefined;
      return true;
    } catch (error) {
      const message = messageOf(error);
      const failures = memory.volumesRetry?.failures ?? 0;
      memory.volumesRetry = { failures: failures + 1, atMs: doors.clock.monotonicMs() + retryAfter(failures, 500, 122_000) };
      podEvent(doors, entry, { type: 'Warning', reason: 'FailedMount', message });
      return false;
    }
  },

  async createSandbox(_, { doors, entry, view, pod, signal }) {
    const { memory } = entry;
    if (!pod) return false;
    try {
      view.putSandbox(await doors.runtime.createSandbox(buildSandboxSpec(pod, apiPlace(doors, pod)), signal));
      memory.sandboxRetry = undefined;
      return true;
    } catch (error) {
      if (isPassing(error)) throw error;
      const failures = memory.sandboxRetry?.failures ?? 0;
      memory.sandboxRetry = { failures: failures + 1, atMs: doors.clock.monotonicMs() + retryAfter(failures, 1000, 60_000) };
      const message = `Failed to create pod sandbox: ${messageOf(error)}`;
      podEvent(doors, entry, { type: 'Warning', reason: 'FailedCreatePodSandBox', message });
      return false;
    }
  },

  async removeSandbox({ id }, { doors, entry, view, signal }) {
    // Its containers and their attempts are known from the record alone from now on.
    await entry.save();
    await doors.runtime.removeSandbox(id, signal);
    view.dropSandbox(entry.uid, id);
    return true;
  },

  async ensureImage({ container }, context) {
    return ensureImage(container, context);
  },

  async noteImageBackOff({ container }, context) {
    return noteImageBackOff(container, context);
  },

  async cancelPull({ container }, { entry }) {
    const memory = containerMemory(entry.memory, container);
    if (memory.image?.state === 'pulling') memory.image.cancel.abort(new Error('the pod is to go'));
    memory.image = undefined;
    return true;
  },

  async startContainer(step, context) {
    return startContainer(step, context);
  },

  async stopContainer({ container, id, graceSeconds, message }, { doors, entry, view, wake }) {
    const memory = containerMemory(entry.memory, container);
    const begun = memory.stopping?.id === id;
    const stopping = { id, deadlineMs: doors.clock.monotonicMs() + graceSeconds * 1000 };
    memory.stopping = stopping;
    if (!begun) containerEvent(doors, entry, container, { type: 'Normal', reason: 'Killing', message });
    // Waiting out the grace must not keep the worker: a shorter grace may come. The agent may go while this lasts; containers do not.
    const stop = async (): Promise<void> => {
      try {
        await doors.runtime.stopContainer(id, graceSeconds);
        await view.refresh();
      } catch (error) {
        doors.logger.warn('cannot stop a container', { container, pod: entry.record.name, namespace: entry.record.namespace, error });
        await doors.clock.sleep('stop again', 2000);
      } finally {
        if (memory.stopping === stopping) memory.stopping = undefined;
        wake();
      }
    };
    void stop();
    return true;
  },

  async removeContainer({ id }, { doors, entry, view, signal }) {
    await doors.runtime.removeContainer(id, signal);
    view.dropContainer(entry.uid, id);
    return true;
  },

  async noteBackOff({ container, delayMs }, { doors, entry, pod }) {
    const title = pod ? podTitle(pod) : entry.uid;
    const delay = formatDelay(delayMs);
    containerMemory(entry.memory, container).waiting = {
      reason: 'CrashLoopBackOff',
      message: `back-off ${delay} restarting failed container=${container} pod=${title}`,
    };
    const message = `Back-off restarting failed container ${container} in pod ${title}`;
    containerEvent(doors, entry, container, { type: 'Warning', reason: 'BackOff', message });
    return true;
  },

  async noteLease({ containers }, { doors, entry, pod }) {
    const message = 'waiting for the hub to renew the lease of this pod';
    const news = !containers.some((name) => entry.memory.containers.get(name)?.waiting?.reason === 'LeaseExpired');
    for (const name of containers) containerMemory(entry.memory, name).waiting = { reason: 'LeaseExpired', message };
    // A pod that has not run yet is not stopped by anything.
    if (news && pod && Object.keys(entry.record.containers).length > 0)
      podEvent(doors, entry, {
        type: 'Warning',
        reason: 'LeaseExpired',
        message: 'Stopped with its lease; runs again when the hub renews it',
      });
    return true;
  },

  async finish({ phase, reason, message }, { doors, entry }) {
    entry.record = { ...entry.record, terminal: { phase, ...(reason ? { reason } : {}), ...(message ? { message } : {}) } };
    await entry.save();
    if (reason && message) podEvent(doors, entry, { type: 'Normal', reason, message });
    return true;
  },

  async bury(_, { doors, entry, pod, forget }) {
    const { uid, record } = entry;
    const status = doors.statusOf({ uid, pod, record, memory: entry.memory, sandboxes: [], removing: true });
    await doors.tombstones.add({ uid, namespace: record.namespace, name: record.name, status });
    await doors.volumes.unmount(uid);
    await doors.leases.forget(uid);
    forget();
    return true;
  },
};

export async function execute(step: Step, context: StepContext): Promise<boolean> {
  const executor = executors[step.do] as (step: Step, context: StepContext) => Promise<boolean>;
  return executor(step, context);
}

/** The runtime did not answer, or was told to stop: it says nothing about the pod. */
export function isPassing(error: unknown): boolean {
  return error instanceof RuntimeError && (error.reason === 'Unavailable' || error.reason === 'Aborted');
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

type EventText = Pick<NewEvent, 'type' | 'reason' | 'message'>;

function podEvent(doors: PodDoors, { record }: PodEntry, text: EventText): void {
  const { namespace, name, uid } = record;
  doors.event({ involvedObject: { kind: 'Pod', namespace, name, uid }, ...text });
}

export function containerEvent(doors: PodDoors, { record, lastPod }: PodEntry, container: string, text: EventText): void {
  const { namespace, name, uid } = record;
  const isOne = (other: { readonly name: string }): boolean => other.name === container;
  const { initContainers, ephemeralContainers } = lastPod?.spec ?? {};
  const field = initContainers?.some(isOne) ? 'initContainers' : ephemeralContainers?.some(isOne) ? 'ephemeralContainers' : 'containers';
  doors.event({
    involvedObject: { kind: 'Pod', namespace, name, uid, fieldPath: `spec.${field}{${container}}` },
    ...text,
  });
}

/** As Go prints a duration: `10s`, `2m40s`, `5m0s`. */
export function formatDelay(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
