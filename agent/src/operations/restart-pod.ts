import type { Pod } from '@flotilla/shared/api/generated/types.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { OperationReport } from '@flotilla/shared/protocol/operation-messages.js';
import type { NewEvent, PodSnapshot } from '#pods/pod-doors.ts';
import type { Runtime } from '#runtime/types.ts';
import { type Act, prose } from './board-operations.ts';

export interface RestartPodOptions {
  readonly pods: { snapshot(uid: string): PodSnapshot | undefined; snapshots(): Iterable<PodSnapshot> };
  readonly runtime: Pick<Runtime, 'stopContainer'>;
  readonly clock: Clock;
  readonly event: (event: NewEvent) => void;
}

/** The most that a container gets to end in, whatever its pod says. */
const mostGraceSeconds = 30;
const startsAgainMs = 120_000;
const lookMs = 250;

/**
 * Stops every running container of a pod that restarts always; its worker starts each anew, in the same sandbox, without back-off. The
 * pod keeps its uid and its address. Succeeds when each has been started again.
 */
export function restartPod({ pods, runtime, clock, event }: RestartPodOptions): Act {
  return async ({ pod: wanted }, signal) => {
    if (!wanted) return failed('It names no pod.');
    const title = `${wanted.namespace}/${wanted.name}`;
    const named = [...pods.snapshots()].filter(({ record }) => record.namespace === wanted.namespace && record.name === wanted.name);
    const snapshot = named.find(({ uid, removing }) => !removing && (wanted.uid === undefined || wanted.uid === uid));
    if (!snapshot) return failed(`Pod ${title}${wanted.uid ? ` with uid ${wanted.uid}` : ''} does not run on this board.`);
    const { uid, pod, memory, record } = snapshot;
    const policy = pod?.spec?.restartPolicy ?? 'Always';
    if (policy !== 'Always') return failed(`Pod ${title} has restartPolicy ${policy}: what runs to its end is not restarted.`);
    const names = new Set(restartable(pod));
    const running = snapshot.sandboxes
      .flatMap(({ containers }) => containers)
      .filter(({ name, status }) => status === 'running' && names.has(name));
    if (running.length === 0) return failed(`No container of pod ${title} is running.`);

    const graceSeconds = Math.min(pod?.spec?.terminationGracePeriodSeconds ?? mostGraceSeconds, mostGraceSeconds);
    const stops = running.map(async ({ id, name }) => {
      // It ends because somebody wished it: that is no crash to back off from.
      const own = memory.containers.get(name);
      if (own) own.backOff = undefined;
      const involvedObject = { kind: 'Pod', namespace: record.namespace, name: record.name, uid, fieldPath: fieldPath(pod, name) };
      event({ involvedObject, type: 'Normal', reason: 'Killing', message: `Container ${name} is restarted by an operation` });
      await runtime.stopContainer(id, graceSeconds);
    });
    await Promise.all(stops);

    const startedAgain = (): NonNullable<OperationReport['containers']> => {
      const now = pods.snapshot(uid)?.record.containers ?? {};
      return running.flatMap(({ name, attempt }) => {
        const restartCount = now[name]?.attempt ?? 0;
        return restartCount > attempt ? [{ name, restartCount }] : [];
      });
    };
    const untilMs = clock.monotonicMs() + startsAgainMs;
    for (let containers = startedAgain(); ; containers = startedAgain()) {
      if (containers.length === running.length) return { phase: 'Succeeded', message: `Pod ${title} was restarted.`, containers };
      if (clock.monotonicMs() >= untilMs) {
        const missing = running.filter(({ name }) => !containers.some((other) => other.name === name)).map(({ name }) => name);
        return { ...failed(`Stopped, and not running again after ${startsAgainMs / 1000} s: ${missing.join(', ')}`), containers };
      }
      await clock.sleep('operations: look at the pod', lookMs, signal).catch(() => {});
      if (signal.aborted) return undefined;
    }
  };
}

function failed(message: string): OperationReport {
  return { phase: 'Failed', message: prose(message) };
}

/** Its containers and sidecars; other init containers do not run again in the same sandbox. */
function restartable(pod: Pod | undefined): string[] {
  const sidecars = (pod?.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...sidecars, ...(pod?.spec?.containers ?? [])].map(({ name }) => name);
}

function fieldPath(pod: Pod | undefined, name: string): string {
  const init = pod?.spec?.initContainers?.some((container) => container.name === name);
  return `spec.${init ? 'initContainers' : 'containers'}{${name}}`;
}
