import type { Node, Pod, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import { controllerOf, type KubeObject, objectKey } from '@flotilla/shared/meta/object.js';
import { type Controller, type ControllerEnv, errorMessage, isNamespaceTerminating } from '../controller.ts';
import { byController, claim, claimable, controllerRef, indexByController, onOwned, ownerKeys } from '../ownership.ts';
import { isActive } from '../pod-state.ts';
import { countedPods, lingering, settledReturns, type TaintsOf, wasReplaced, withoutReplaced } from './absence.ts';
import { type Failure, planReplicas, planStatus, podFor, type ReplicaSetStep, sameStatus, slowStart } from './plan.ts';

const byNode = 'nodeName';
/** Pods. */
const largeSet = 500;
/** What a look takes is then a twentieth of the time: 4 µs a pod, for in a heap of gigabytes nothing of a pod is in the processor's cache. */
const lookAfterMsEach = 0.1;

/** A kind that keeps pods at a number. */
export interface ReplicatingKind<T extends KubeObject> {
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  /** The object in the form of a ReplicaSet, but of its own kind; the same answer for the same object. */
  asReplicaSet(object: T): ReplicaSet;
}

const replicaSetKind: ReplicatingKind<ReplicaSet> = {
  group: 'apps',
  resource: 'replicasets',
  kind: 'ReplicaSet',
  asReplicaSet: (object) => object,
};

export function createReplicaSetController(env: ControllerEnv): Controller {
  return createReplicatingController(env, replicaSetKind);
}

/**
 * As many pods as wanted (pkg/controller/replicaset). Keys are ReplicaSets, or objects of the kind that is given.
 *
 * Kubernetes needs "expectations" because its caches lag behind its writes. Here a write resolves when the shared cache has
 * it, and a key is worked on by one worker, so the next look always counts what the last one made.
 */
export function createReplicatingController<T extends KubeObject>(
  env: ControllerEnv,
  { group, resource, kind, asReplicaSet }: ReplicatingKind<T>,
): Controller {
  const { client, clock, recorder } = env;
  const replicaSets = client.informer<T>(group, resource);
  const pods = client.informer<Pod>('', 'pods');
  const nodes = client.informer<Node>('', 'nodes');
  const podResource = client.resource<Pod>('', 'pods');
  const setResource = client.resource<T>(group, resource);
  indexByController(pods);
  pods.index(byNode, ({ spec }) => (spec?.nodeName ? [spec.nodeName] : []));
  const taintsOf: TaintsOf = (node) => nodes.get(node ?? '')?.spec?.taints;
  indexByController(replicaSets);

  const ownersOf = (pod: Pod): string[] => ownerKeys(pod, kind, (namespace) => replicaSets.list(namespace).map(asReplicaSet));

  const allPods = (set: ReplicaSet): readonly Pod[] => pods.byIndex(byController, set.metadata?.uid ?? '');
  const activePods = (set: ReplicaSet): Pod[] => countedPods(allPods(set), taintsOf);

  /** Pods whose board is back and whose replacement is gone are as any other again. */
  const settle = async (set: ReplicaSet): Promise<void> => {
    for (const { metadata } of settledReturns(allPods(set), set.spec?.replicas ?? 1, taintsOf)) {
      await podResource.update(metadata?.namespace ?? '', metadata?.name ?? '', withoutReplaced);
    }
  };

  /** Of the pods of all ReplicaSets with this one's owner: how many active ones are on each node. */
  const familyByNode = (set: ReplicaSet): Map<string, number> => {
    const owner = controllerOf(set);
    const counts = new Map<string, number>();
    for (const member of owner ? replicaSets.byIndex(byController, owner.uid).map(asReplicaSet) : [set]) {
      for (const pod of activePods(member)) {
        const node = pod.spec?.nodeName;
        if (node) counts.set(node, (counts.get(node) ?? 0) + 1);
      }
    }
    return counts;
  };

  /** A look goes over all pods: those of a large set change in fast succession, and one look is enough for many. */
  const lookAfterMs = (object: T | undefined): number => {
    const replicas = (object && asReplicaSet(object).spec?.replicas) ?? 0;
    return replicas < largeSet ? 0 : replicas * lookAfterMsEach;
  };

  const create = async (set: ReplicaSet, count: number): Promise<Failure | undefined> => {
    const namespace = set.metadata?.namespace ?? '';
    for (const batch of slowStart(count)) {
      const results = await Promise.allSettled(Array.from({ length: batch }, () => podResource.create(namespace, podFor(set))));
      let failure: Failure | undefined;
      for (const result of results) {
        if (result.status === 'fulfilled') {
          recorder.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${result.value.metadata?.name}`);
          continue;
        }
        if (isNamespaceTerminating(result.reason)) return undefined;
        const message = errorMessage(result.reason);
        recorder.event(set, 'Warning', 'FailedCreate', `Error creating: ${message}`);
        failure ??= { reason: 'FailedCreate', message };
      }
      if (failure) return failure;
    }
    return undefined;
  };

  const remove = async (set: ReplicaSet, surplus: readonly Pod[]): Promise<Failure | undefined> => {
    const results = await Promise.allSettled(
      surplus.map(({ metadata = {} }) =>
        podResource.delete(metadata.namespace ?? '', metadata.name ?? '', { preconditions: { uid: metadata.uid ?? '' } }),
      ),
    );
    let failure: Failure | undefined;
    for (const [index, result] of results.entries()) {
      const name = surplus[index]?.metadata?.name ?? '';
      if (result.status === 'fulfilled') recorder.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
      else if (!isNotFound(result.reason)) {
        recorder.event(set, 'Warning', 'FailedDelete', `Error deleting: ${errorMessage(result.reason)}`);
        failure ??= { reason: 'FailedDelete', message: errorMessage(result.reason) };
      }
    }
    return failure;
  };

  const execute = async (set: ReplicaSet, step: ReplicaSetStep | undefined): Promise<Failure | undefined> => {
    if (!step) return undefined;
    return step.type === 'create' ? create(set, step.count) : remove(set, step.pods);
  };

  return {
    workers: 5,
    watch(queue) {
      const self = (set: T): void => queue.add(objectKey(set));
      replicaSets.on({ added: self, updated: self, deleted: self });
      const changed = (pod: Pod): void => {
        for (const key of ownersOf(pod)) queue.addAfter(key, lookAfterMs(replicaSets.get(key)));
      };
      onOwned(pods, changed);
      const returned = (node: Node): void => {
        for (const pod of pods.byIndex(byNode, objectKey(node))) if (wasReplaced(pod)) changed(pod);
      };
      nodes.on({ updated: returned });
    },
    keys: () => replicaSets.list().map(objectKey),
    async reconcile(key) {
      const found = replicaSets.get(key);
      const set = found && asReplicaSet(found);
      if (!set?.spec) return undefined;
      const ref = controllerRef(set, set.apiVersion ?? '', kind);
      await claim(podResource, claimable(pods, set).filter(isActive), set, ref);
      let doubled: Map<string, number> | undefined;
      const sameNode = ({ spec }: Pod): number => {
        doubled ??= familyByNode(set);
        return doubled.get(spec?.nodeName ?? '') ?? 0;
      };
      const active = activePods(set);
      const step = planReplicas({
        replicaSet: set,
        pods: active,
        lingering: lingering(allPods(set)),
        sameNode,
        nowMs: clock.wallMs(),
      });
      const failure = await execute(set, step);
      await settle(set);
      const { status, requeueAfterMs } = planStatus(set, step ? activePods(set) : active, failure, clock.wallMs());
      if (!sameStatus(set.status, status)) {
        const { namespace = '', name = '' } = set.metadata ?? {};
        await setResource
          .updateStatus(namespace, name, (current) => ({ ...current, status }))
          .catch((error: unknown) => {
            if (!isNotFound(error)) throw error;
          });
      }
      if (failure) throw new Error(failure.message);
      return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
    },
  };
}
