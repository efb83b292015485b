import type { Container, Pod } from '@flotilla/shared/api/generated/types.js';
import { type ContainerSpec, RuntimeError, type SandboxState } from '#runtime/types.ts';
import { apiEnvironment, openApi } from './api-place.ts';
import { buildContainerSpec, buildMounts } from './container-spec.ts';
import { buildEnvironment, ContainerConfigError } from './environment.ts';
import { containerEvent, isPassing, messageOf, type StepContext } from './executors.ts';
import type { Step } from './plan-steps.ts';
import { type ContainerMemory, containerMemory, nextBackOff } from './pod-memory.ts';
import { startFailed } from './pod-record.ts';
import { findContainer } from './pod-rules.ts';
import { prepareTerminationMessage } from './termination-message.ts';

/** How soon a container that could not be made is tried again. */
const retryMs = 10_000;

export async function startContainer(step: Extract<Step, { do: 'startContainer' }>, context: StepContext): Promise<boolean> {
  const { doors, entry, view, pod, sandboxes, signal } = context;
  const { container: name, attempt, backOff } = step;
  const memory = containerMemory(entry.memory, name);
  const container = pod && findContainer(pod, name);
  const sandbox = sandboxes.find(({ ready }) => ready);
  const { image } = memory;
  if (!container || !sandbox || image?.state !== 'ready') return false;

  let spec: ContainerSpec;
  try {
    spec = await specOf(context, pod, container, attempt, image);
    const target = targetOf(pod, name, sandbox);
    if (target) spec = { ...spec, targetContainerId: target };
  } catch (error) {
    return refused(
      context,
      name,
      memory,
      error instanceof ContainerConfigError ? 'CreateContainerConfigError' : 'CreateContainerError',
      error,
    );
  }

  const nowMs = doors.clock.monotonicMs();
  // Right before and right after the start: whatever passes in between is the guard's.
  try {
    if (!(await doors.leases.secure(entry.uid, sandbox))) return false;
  } catch (error) {
    if (isPassing(error)) throw error;
    return refused(context, name, memory, 'CreateContainerError', error);
  }
  const restart = (): void => {
    // The image is looked for anew at the next start, which may be long from now.
    memory.image = undefined;
    memory.startRetryAtMs = undefined;
    if (backOff) memory.backOff = nextBackOff(memory, memory.endSeen?.atMs ?? nowMs, nowMs);
  };
  try {
    const state = await doors.runtime.createContainer(sandbox, spec, signal);
    restart();
    memory.waiting = undefined;
    if (doors.leases.permit(entry.uid)?.mayRun === false) await doors.runtime.stopContainer(state.id, 0);
    view.putContainer(entry.uid, sandbox.id, state);
    containerEvent(doors, entry, name, { type: 'Normal', reason: 'Created', message: `Created container: ${name}` });
    containerEvent(doors, entry, name, { type: 'Normal', reason: 'Started', message: `Started container ${name}` });
    return true;
  } catch (error) {
    if (isPassing(error) || !(error instanceof RuntimeError)) throw error;
    if (error.reason === 'ImageNotFound') {
      // Somebody removed it since it was looked for.
      memory.image = undefined;
      memory.startRetryAtMs = nowMs + 1000;
      return false;
    }
    if (error.reason === 'NotFound') {
      await view.refresh();
      memory.startRetryAtMs = nowMs + 1000;
      return false;
    }
    if (error.reason !== 'RunContainerError') return refused(context, name, memory, 'CreateContainerError', error);
    restart();
    await view.refresh();
    const left = view
      .sandboxes(entry.uid)
      .flatMap(({ containers }) => containers)
      .find((other) => other.name === name && other.attempt === attempt);
    const before = entry.record.containers[name];
    const ended = startFailed(attempt, left?.id ?? '', container.image ?? '', image.id, error.message);
    const previous = before?.ended;
    const record = { attempt, id: ended.id, image: ended.image, imageId: ended.imageId, ended, ...(previous ? { previous } : {}) };
    entry.record = { ...entry.record, containers: { ...entry.record.containers, [name]: record } };
    memory.endSeen = { attempt, atMs: nowMs };
    memory.waiting = { reason: 'RunContainerError', message: error.message };
    containerEvent(doors, entry, name, { type: 'Normal', reason: 'Created', message: `Created container: ${name}` });
    containerEvent(doors, entry, name, { type: 'Warning', reason: 'Failed', message: `Error: ${error.message}` });
    return false;
  }
}

function refused({ doors, entry }: StepContext, name: string, memory: ContainerMemory, reason: string, error: unknown): boolean {
  const message = messageOf(error);
  memory.waiting = { reason, message };
  memory.startRetryAtMs = doors.clock.monotonicMs() + retryMs;
  containerEvent(doors, entry, name, { type: 'Warning', reason: 'Failed', message: `Error: ${message}` });
  return false;
}

/** The container whose processes an ephemeral one sees. @throws ContainerConfigError in the kubelet's words */
function targetOf(pod: Pod, name: string, { containers }: SandboxState): string | undefined {
  const target = pod.spec?.ephemeralContainers?.find((other) => other.name === name)?.targetContainerName;
  if (!target) return undefined;
  const found = containers.find((other) => other.name === target && other.status === 'running');
  if (!found) throw new ContainerConfigError(`unable to find target container ${JSON.stringify(target)}`);
  return found.id;
}

async function specOf(
  { doors, entry }: StepContext,
  pod: Pod,
  container: Container,
  attempt: number,
  image: { readonly id: string; readonly user: string },
): Promise<ContainerSpec> {
  const { files, volumes, spec: objects } = doors;
  const node = doors.node();
  const podIPs = pod.spec?.hostNetwork ? node.hostIPs : entry.record.podIP ? [entry.record.podIP] : [];
  const env = buildEnvironment(container, { ...node, pod, podIPs }, objects, apiEnvironment(await openApi(doors, pod)));
  const mounts = await buildMounts({ files, container, volumes: volumes.paths(pod), env });
  const message = await prepareTerminationMessage(files, volumes.podDir(entry.uid), container.name, attempt);
  const containerPath = container.terminationMessagePath || '/dev/termination-log';
  return buildContainerSpec({
    ...{ pod, container, attempt, image, env },
    mounts: [...mounts, { hostPath: message, containerPath, readOnly: false }],
  });
}
