import type { Container, Pod } from '@flotilla/shared/api/generated/types.js';
import type { Permit } from '#leases/types.ts';
import type { SandboxState } from '#runtime/types.ts';
import { type Planner, planContainer } from './plan-container.ts';
import { ephemeralOf, planEphemeral } from './plan-ephemeral.ts';
import { leaseIsOver } from './plan-lease.ts';
import type { Plan, Step } from './plan-steps.ts';
import type { PodMemory } from './pod-memory.ts';
import type { PodRecord } from './pod-record.ts';
import { endedCleanly, isRestartable, restartPolicyOf, wantsRestart } from './pod-rules.ts';

export interface PlanInput {
  /** Monotonic. */
  readonly nowMs: number;
  /** As the manifest has it; undefined when it is gone from there. */
  readonly pod: Pod | undefined;
  /** Set when the pod is to go. */
  readonly removal: { readonly deadlineMs: number } | undefined;
  /** Of a pod that stops with its lease. */
  readonly permit?: Permit | undefined;
  /** The pod's own sandbox first; more than one is a fault that is mended. */
  readonly sandboxes: readonly SandboxState[];
  /** With all that `sandboxes` shows taken in. */
  readonly record: PodRecord;
  readonly memory: Readonly<PodMemory>;
  /** Of the content that the pod's volumes are made of. */
  readonly volumesVersion: string;
  /** All that content is here: nothing but the disk or the link can keep the volumes from being made. */
  readonly volumesComplete?: boolean;
}

/** What to do next for one pod. Pure: the same input gives the same plan. */
export function planPod(input: PlanInput): Plan {
  const planner = makePlanner(input);
  if (input.removal) planRemoval(planner, input.removal.deadlineMs);
  else if (input.pod) planLife(planner, input.pod);
  return { steps: planner.steps, wakeAtMs: planner.wakeAtMs };
}

function makePlanner(input: PlanInput): Planner {
  const steps: Step[] = [];
  return {
    ...input,
    steps,
    wakeAtMs: undefined,
    add(step) {
      steps.push(step);
    },
    wakeAt(ms) {
      this.wakeAtMs = Math.min(this.wakeAtMs ?? Number.POSITIVE_INFINITY, ms);
    },
  };
}

function planLife(planner: Planner, pod: Pod): void {
  const { record, nowMs, memory } = planner;
  if (record.terminal) {
    planEnd(planner, pod);
    return;
  }

  const deadline = pod.spec?.activeDeadlineSeconds;
  if (deadline !== undefined) {
    const atMs = memory.activeSinceMs + deadline * 1000;
    if (nowMs >= atMs) {
      const message = 'Pod was active on the node longer than the specified deadline';
      planner.add({ do: 'finish', phase: 'Failed', reason: 'DeadlineExceeded', message });
      return;
    }
    planner.wakeAt(atMs);
  }

  const outcome = outcomeOf(planner, pod);
  if (outcome) {
    if (!stopAll(planner, sidecarsOf(pod).reverse(), nowMs + graceMs(pod), 'one by one')) planner.add({ do: 'finish', phase: outcome });
    return;
  }

  const over = leaseIsOver(planner, pod);
  if (over) {
    if (!stopAll(planner, over.names, over.deadlineMs, 'together')) noteLease(planner, over.names);
    return;
  }

  const [sandbox, ...others] = planner.sandboxes;
  for (const other of others) planner.add({ do: 'removeSandbox', id: other.id });
  if (sandbox && !sandbox.ready) planner.add({ do: 'removeSandbox', id: sandbox.id });

  if (!sandbox?.ready && planner.steps.length === 0 && isUntried(planner)) {
    planner.add({ do: 'together', steps: [{ do: 'mountVolumes' }, { do: 'createSandbox' }, ...firstImages(planner, pod)] });
    return;
  }
  const mounted = planVolumes(planner);
  if (!sandbox?.ready) {
    if (mounted && planner.steps.length === 0) retried(planner, memory.sandboxRetry?.atMs, { do: 'createSandbox' });
    return;
  }
  removeStale(planner, sandbox);
  if (mounted) planEphemeral(planner, pod, sandbox);
  planContainers(planner, pod, sandbox, mounted);
}

/**
 * A pod whose volumes lack something gets no sandbox until they are there, as with the kubelet. Where they lack nothing, making them takes
 * none of the time that the runtime takes for the sandbox.
 */
function isUntried({ memory, volumesComplete }: Planner): boolean {
  return volumesComplete === true && memory.volumes === undefined && memory.volumesRetry === undefined && memory.sandboxRetry === undefined;
}

/** Looks for the images that a pod begins with. One that ran before is looked at container by container: some may be done. */
function firstImages({ memory, record }: Planner, pod: Pod): Step[] {
  if (Object.keys(record.containers).length > 0) return [];
  const [first] = pod.spec?.initContainers ?? [];
  const names = (first ? [first] : (pod.spec?.containers ?? [])).map(({ name }) => name);
  return names.filter((name) => memory.containers.get(name)?.image === undefined).map((container) => ({ do: 'ensureImage', container }));
}

/** Volumes come first, and again when what they are made of changed. True when containers may start. */
function planVolumes(planner: Planner): boolean {
  const { memory, nowMs, volumesVersion } = planner;
  const { volumes } = memory;
  const stale = volumes === undefined || volumes.version !== volumesVersion || (volumes.refreshAtMs ?? Number.POSITIVE_INFINITY) <= nowMs;
  if (stale) retried(planner, memory.volumesRetry?.atMs, { do: 'mountVolumes' });
  else if (volumes.refreshAtMs !== undefined) planner.wakeAt(volumes.refreshAtMs);
  return volumes !== undefined;
}

function retried(planner: Planner, atMs: number | undefined, step: Step): void {
  if (atMs === undefined || atMs <= planner.nowMs) planner.add(step);
  else planner.wakeAt(atMs);
}

function planContainers(planner: Planner, pod: Pod, sandbox: SandboxState, mounted: boolean): void {
  const init = pod.spec?.initContainers ?? [];
  const apps = pod.spec?.containers ?? [];
  const begun = apps.some((app) => sandbox.containers.some((container) => container.name === app.name));
  const plan = (container: Container, sidecar: boolean): boolean => planContainer(planner, { pod, sandbox, container, sidecar, mounted });

  for (const container of init) {
    if (isRestartable(container)) {
      if (!plan(container, true) && !begun) return;
    } else if (!begun) {
      const last = sandbox.containers.filter((other) => other.name === container.name).sort((a, b) => b.attempt - a.attempt)[0];
      if (last?.status === 'exited' && endedCleanly(planner.record.containers[container.name])) continue;
      plan(container, false);
      return;
    }
  }
  for (const container of apps) plan(container, false);
}

/** Whether the pod ended for good, and how: no container runs and none is to be started again. */
function outcomeOf(planner: Planner, pod: Pod): 'Succeeded' | 'Failed' | undefined {
  const policy = restartPolicyOf(pod);
  if (policy === 'Always') return undefined;
  const { containers } = planner.record;
  const apps = pod.spec?.containers ?? [];
  const records = apps.map((container) => containers[container.name]);
  if (records.every((record) => record?.ended && !wantsRestart(policy, record.ended.exitCode))) {
    return records.every(endedCleanly) ? 'Succeeded' : 'Failed';
  }
  if (policy !== 'Never') return undefined;
  const regular = (pod.spec?.initContainers ?? []).filter((container) => !isRestartable(container));
  if (regular.some((container) => (containers[container.name]?.ended?.exitCode ?? 0) !== 0)) return 'Failed';
  // Its sandbox was lost after it had begun: nothing may be started a second time.
  const lost = !planner.sandboxes.some((sandbox) => sandbox.ready);
  const running = planner.sandboxes.some((sandbox) => sandbox.containers.some((container) => container.status === 'running'));
  return lost && !running && Object.keys(containers).length > 0 ? 'Failed' : undefined;
}

/** A pod that ended keeps its containers, for their logs; those that still run are stopped. */
function planEnd(planner: Planner, pod: Pod): void {
  const names = (pod.spec?.containers ?? []).map(({ name }) => name);
  const init = (pod.spec?.initContainers ?? []).filter((container) => !isRestartable(container)).map(({ name }) => name);
  for (const name of planner.memory.containers.keys()) cancelPull(planner, name);
  const others = ephemeralOf(pod).map(({ name }) => name);
  if (stopAll(planner, [...names, ...init, ...others], planner.nowMs + graceMs(pod), 'together')) return;
  stopAll(planner, sidecarsOf(pod).reverse(), planner.nowMs + graceMs(pod), 'one by one');
}

function planRemoval(planner: Planner, deadlineMs: number): void {
  for (const name of planner.memory.containers.keys()) cancelPull(planner, name);
  const sidecars = planner.pod ? sidecarsOf(planner.pod).reverse() : [];
  const others = new Set(planner.sandboxes.flatMap((sandbox) => sandbox.containers.map(({ name }) => name)));
  for (const name of sidecars) others.delete(name);
  if (stopAll(planner, [...others], deadlineMs, 'together')) return;
  if (stopAll(planner, sidecars, deadlineMs, 'one by one')) return;
  if (!planner.record.terminal) {
    const records = Object.values(planner.record.containers);
    const apps = planner.pod?.spec?.containers.map(({ name }) => planner.record.containers[name]) ?? records;
    planner.add({ do: 'finish', phase: apps.length > 0 && apps.every(endedCleanly) ? 'Succeeded' : 'Failed' });
    return;
  }
  for (const sandbox of planner.sandboxes) planner.add({ do: 'removeSandbox', id: sandbox.id });
  planner.add({ do: 'bury' });
}

/** Stops what of `names` runs. True while any of it does. */
function stopAll(planner: Planner, names: readonly string[], deadlineMs: number, how: 'together' | 'one by one'): boolean {
  let running = false;
  for (const name of names) {
    for (const container of planner.sandboxes.flatMap((sandbox) => sandbox.containers)) {
      if (container.name !== name || container.status !== 'running') continue;
      running = true;
      const { stopping } = planner.memory.containers.get(name) ?? {};
      const begun = stopping?.id === container.id;
      // A shorter grace than the one that is being waited for takes its place; what the rounding up to seconds adds does not count, and
      // past the deadline there is none shorter.
      if (begun && stopping.deadlineMs <= Math.max(deadlineMs, planner.nowMs) + 1000) continue;
      const graceSeconds = Math.max(0, Math.ceil((deadlineMs - planner.nowMs) / 1000));
      planner.add({ do: 'stopContainer', container: name, id: container.id, graceSeconds, message: `Stopping container ${name}` });
    }
    if (running && how === 'one by one') return true;
  }
  return running;
}

/** What does not run for want of a lease says so, once. */
function noteLease(planner: Planner, names: readonly string[]): void {
  const silent = names.filter((name) => planner.memory.containers.get(name)?.waiting?.reason !== 'LeaseExpired');
  if (silent.length > 0) planner.add({ do: 'noteLease', containers: silent });
}

function cancelPull(planner: Planner, container: string): void {
  if (planner.memory.containers.get(container)?.image?.state === 'pulling') planner.add({ do: 'cancelPull', container });
}

/** Of each container the newest attempt stays and the one before it, for `logs --previous`. */
function removeStale(planner: Planner, sandbox: SandboxState): void {
  for (const container of sandbox.containers) {
    const newest = planner.record.containers[container.name]?.attempt ?? 0;
    if (container.attempt < newest - 1 && container.status !== 'running') planner.add({ do: 'removeContainer', id: container.id });
  }
}

function sidecarsOf(pod: Pod): string[] {
  return (pod.spec?.initContainers ?? []).filter(isRestartable).map(({ name }) => name);
}

function graceMs(pod: Pod): number {
  return (pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000;
}
