import type { Container, Pod } from '@flotilla/shared/api/generated/types.js';
import type { SandboxState } from '#runtime/types.ts';
import type { PlanInput } from './plan.ts';
import type { Step } from './plan-steps.ts';
import { backOffUntilMs } from './pod-memory.ts';
import { containerHash, isRestartable, restartPolicyOf, wantsRestart } from './pod-rules.ts';

export interface Planner extends PlanInput {
  readonly steps: readonly Step[];
  wakeAtMs: number | undefined;
  add(step: Step): void;
  wakeAt(ms: number): void;
}

interface ContainerPlan {
  readonly pod: Pod;
  readonly sandbox: SandboxState;
  readonly container: Container;
  /** Restarts whatever the pod's policy says. */
  readonly sidecar: boolean;
  /** The volumes are there. */
  readonly mounted: boolean;
}

/** How long a failed pull shows as ErrImagePull before it shows as ImagePullBackOff. */
const pullErrorShownMs = 2000;

/** Plans for one container that is due to run. True when it runs and may go on. */
export function planContainer(planner: Planner, plan: ContainerPlan): boolean {
  const { container, pod, sandbox } = plan;
  const { name } = container;
  const memory = planner.memory.containers.get(name);
  const record = planner.record.containers[name];
  const here = sandbox.containers.filter((other) => other.name === name).sort((a, b) => b.attempt - a.attempt)[0];

  if (here?.status === 'running') {
    if (here.hash === containerHash(container)) return true;
    // The new image first: until it is there the old container runs on.
    if (!imageReady(planner, name) || memory?.stopping?.id === here.id) return true;
    const graceSeconds = pod.spec?.terminationGracePeriodSeconds ?? 30;
    const message = `Container ${name} definition changed, will be restarted`;
    planner.add({ do: 'stopContainer', container: name, id: here.id, graceSeconds, message });
    return true;
  }
  if (here?.status === 'unknown') return false;

  if (here?.status === 'created' && here.attempt > (record?.attempt ?? -1)) {
    // Left between its creation and its start: the same attempt again.
    start(planner, plan, here.attempt, false);
    return false;
  }
  if (!record) {
    start(planner, plan, 0, false);
    return false;
  }

  const exitCode = record.ended?.exitCode ?? 137;
  const changed = here !== undefined && here.hash !== containerHash(container);
  const policy = plan.sidecar || isRestartable(container) ? 'Always' : restartPolicyOf(pod);
  // A regular init container that has to run is started again also after success: its sandbox is new.
  const again = wantsRestart(policy, exitCode) || changed || (isInit(pod, name) && here === undefined && policy !== 'Never');
  if (!again) return false;
  const endMs = memory?.endSeen?.attempt === record.attempt ? memory.endSeen.atMs : planner.nowMs;
  const untilMs = memory && !changed ? backOffUntilMs(memory, endMs) : 0;
  if (untilMs > planner.nowMs) {
    if (memory?.waiting?.reason !== 'CrashLoopBackOff')
      planner.add({ do: 'noteBackOff', container: name, delayMs: memory?.backOff?.delayMs ?? 0 });
    planner.wakeAt(untilMs);
    return false;
  }
  start(planner, plan, record.attempt + 1, !changed);
  return false;
}

function start(planner: Planner, { container, mounted }: ContainerPlan, attempt: number, backOff: boolean): void {
  if (!mounted) return;
  const retryAtMs = planner.memory.containers.get(container.name)?.startRetryAtMs;
  if (retryAtMs !== undefined && retryAtMs > planner.nowMs) planner.wakeAt(retryAtMs);
  else if (imageReady(planner, container.name)) planner.add({ do: 'startContainer', container: container.name, attempt, backOff });
}

/** Whether the container's image is there; otherwise sees to it. */
export function imageReady(planner: Planner, container: string): boolean {
  const image = planner.memory.containers.get(container)?.image;
  if (image?.state === 'ready') return true;
  if (image === undefined) planner.add({ do: 'ensureImage', container });
  if (image?.state !== 'failed') return false;
  if (image.retryAtMs <= planner.nowMs) {
    planner.add({ do: 'ensureImage', container });
  } else if (!image.noted && image.failedAtMs + pullErrorShownMs <= planner.nowMs) {
    planner.add({ do: 'noteImageBackOff', container });
    planner.wakeAt(image.retryAtMs);
  } else {
    planner.wakeAt(image.noted ? image.retryAtMs : Math.min(image.retryAtMs, image.failedAtMs + pullErrorShownMs));
  }
  return false;
}

function isInit(pod: Pod, name: string): boolean {
  return (pod.spec?.initContainers ?? []).some((container) => container.name === name);
}
