import { fenceAnnotations, outOfService } from '@flotilla/shared/api/fence.js';
import type { Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import type { Controller, ControllerEnv } from '../controller.ts';
import { withPodCondition } from '../pod-condition.ts';
import { isFinished } from '../pod-state.ts';

/** How long a node object must be gone before its pods are: it may be about to be made anew. */
const quarantineMs = 40_000;
/** The most finished pods that are kept (--terminated-pod-gc-threshold). */
const maxFinished = 12_500;
const finishedKey = '|finished';
const byNode = 'nodeName';

/**
 * Removes pods whose node object was deleted. Nobody but an operator deletes node objects: a board that is away keeps its
 * node and therefore its pods. Also removes pods that are marked for deletion where an operator has said, by the taint
 * `node.kubernetes.io/out-of-service`, that a node which is not ready runs nothing any more (pkg/controller/podgc, gcTerminating), and the
 * oldest finished pods beyond a limit. Keys are node names.
 */
export function createPodGcController({ client, clock, recorder }: ControllerEnv): Controller {
  const nodes = client.informer<Node>('', 'nodes');
  const pods = client.informer<Pod>('', 'pods');
  const resource = client.resource<Pod>('', 'pods');
  pods.index(byNode, ({ spec }) => (spec?.nodeName ? [spec.nodeName] : []));
  const missingSince = new Map<string, number>();

  const remove = async (pod: Pod): Promise<void> => {
    const { namespace = '', name = '', uid = '' } = pod.metadata ?? {};
    await resource.delete(namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  };
  const fail = async (pod: Pod, condition?: Parameters<typeof withPodCondition>[1]): Promise<void> => {
    if (isFinished(pod)) return;
    const { namespace = '', name = '' } = pod.metadata ?? {};
    await resource.updateStatus(namespace, name, (current) => {
      const { status } = condition ? withPodCondition(current, condition, clock.wallMs()) : current;
      return { ...current, status: { ...status, phase: 'Failed' } };
    });
  };
  const nodeGone = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' };
  const collectOutOfService = async (node: string): Promise<void> => {
    for (const pod of pods.byIndex(byNode, node)) {
      if (pod.metadata?.deletionTimestamp === undefined) continue;
      await fail(pod).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
      await remove(pod);
    }
  };
  const tellOfFence = (node: Node, old: Node): void => {
    const { [fenceAnnotations.by]: by, [fenceAnnotations.at]: at } = node.metadata?.annotations ?? {};
    const { [fenceAnnotations.by]: was } = old.metadata?.annotations ?? {};
    if (by !== undefined && was === undefined)
      recorder.event(node, 'Warning', 'NodeFenced', `${by} declared the node out of service at ${at}`);
    if (by === undefined && was !== undefined) recorder.event(node, 'Normal', 'NodeUnfenced', `The node is back in service`);
  };
  const needsLook = (name: string): boolean => {
    const node = nodes.get(name);
    return node === undefined || isOutOfService(node);
  };
  const collectFinished = async (): Promise<void> => {
    const finished = pods.list().filter((pod) => isFinished(pod) && !pod.metadata?.deletionTimestamp);
    if (finished.length <= maxFinished) return;
    const created = (pod: Pod): string => pod.metadata?.creationTimestamp ?? '';
    finished.sort((a, b) => (created(a) < created(b) ? -1 : 1));
    for (const pod of finished.slice(0, finished.length - maxFinished)) await remove(pod);
  };

  return {
    resyncMs: 20_000,
    watch(queue) {
      nodes.on({ deleted: (node) => queue.add(objectKey(node)), added: (node) => missingSince.delete(objectKey(node)) });
      const bound = (pod: Pod): void => {
        const node = pod.spec?.nodeName;
        if (node && needsLook(node)) queue.add(node);
      };
      nodes.on({
        updated(node, old) {
          tellOfFence(node, old);
          if (isOutOfService(node)) queue.add(objectKey(node));
        },
      });
      pods.on({ added: bound, updated: bound });
    },
    *keys() {
      yield finishedKey;
      const seen = new Set(pods.list().map(({ spec }) => spec?.nodeName));
      for (const node of seen) if (node && needsLook(node)) yield node;
    },
    async reconcile(key) {
      if (key === finishedKey) {
        await collectFinished();
        return undefined;
      }
      const there = nodes.get(key);
      if (there) {
        missingSince.delete(key);
        if (isOutOfService(there)) await collectOutOfService(key);
        return undefined;
      }
      const orphans = pods.byIndex(byNode, key);
      if (orphans.length === 0) {
        missingSince.delete(key);
        return undefined;
      }
      const since = missingSince.get(key) ?? clock.monotonicMs();
      missingSince.set(key, since);
      const left = since + quarantineMs - clock.monotonicMs();
      if (left > 0) return { requeueAfterMs: left };
      for (const pod of orphans) {
        recorder.event(pod, 'Normal', 'PodGC', `node ${key} no longer exists`);
        await fail(pod, nodeGone);
        await remove(pod);
      }
      return undefined;
    },
  };
}

function isOutOfService({ spec, status }: Node): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  return !ready && (spec?.taints?.some(({ key }) => key === outOfService.key) ?? false);
}
