import type { Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { nodeOfflineSince } from '@flotilla/shared/api/offline.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import type { Controller, ControllerEnv } from '../controller.ts';
import { isReady } from '../pod-state.ts';
import type { NodeLiveness } from './liveness.ts';
import { offlinePod, planTaints, readyStatus, unknownStatus } from './plan.ts';

const byNode = 'nodeName';
/** Pods of one node that are written at once. */
const parallel = 16;

/**
 * Offline is not dead: a board that is away gets its conditions Unknown and taints that keep new pods off; its pods are
 * marked not Ready and stay; each is written once, and says since when. When it is back the taints go and nothing was restarted. What a pod's own policy makes of the taints is
 * the business of taint-eviction. Keys are nodes.
 */
export function createNodeLifecycleController({ client, clock, recorder }: ControllerEnv, liveness: NodeLiveness): Controller {
  const nodes = client.informer<Node>('', 'nodes');
  const pods = client.informer<Pod>('', 'pods');
  const nodeResource = client.resource<Node>('', 'nodes');
  const podResource = client.resource<Pod>('', 'pods');
  pods.index(byNode, ({ spec }) => (spec?.nodeName ? [spec.nodeName] : []));

  const markUnknown = async (node: Node): Promise<Node> => {
    const name = objectKey(node);
    const sinceMs = liveness.awaySinceWallMs(name) ?? clock.wallMs();
    if (!unknownStatus(node, clock.wallMs(), sinceMs)) return node;
    const wasReady = readyStatus(node) === 'True';
    const after = await nodeResource.updateStatus('', name, (current) => {
      // The board may have come back while this waited for its turn.
      const status = liveness.isAlive(name) ? undefined : unknownStatus(current, clock.wallMs(), sinceMs);
      return status ? { ...current, status } : current;
    });
    if (wasReady && readyStatus(after) !== 'True') {
      recorder.event(after, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    }
    return after;
  };

  const taint = async (node: Node): Promise<Node> => {
    if (!planTaints(node, clock.wallMs())) return node;
    return nodeResource.update('', objectKey(node), (current) => {
      const taints = planTaints(current, clock.wallMs());
      if (!taints || !current.spec) return taints ? { ...current, spec: { taints } } : current;
      const { taints: _old, ...spec } = current.spec;
      return { ...current, spec: taints.length > 0 ? { ...spec, taints } : spec };
    });
  };

  const markOffline = async (pod: Pod, node: string, since: string): Promise<void> => {
    const { namespace = '', name = '' } = pod.metadata ?? {};
    if (isReady(pod)) recorder.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
    await podResource.updateStatus(namespace, name, (current) =>
      liveness.isAlive(node) ? current : offlinePod(current, node, since, clock.wallMs()),
    );
  };

  const each = async (list: readonly Pod[], act: (pod: Pod) => Promise<void>): Promise<void> => {
    for (let from = 0; from < list.length; from += parallel) {
      await Promise.all(
        list.slice(from, from + parallel).map((pod) =>
          act(pod).catch((error: unknown) => {
            if (!isNotFound(error)) throw error;
          }),
        ),
      );
    }
  };

  return {
    workers: 8,
    resyncMs: 60_000,
    watch(queue) {
      nodes.on({ added: (it) => queue.add(objectKey(it)), updated: (it) => queue.add(objectKey(it)) });
      const bound = (pod: Pod): void => {
        const node = pod.spec?.nodeName;
        // A healthy node without taints has nothing to say about its pods.
        if (node && nodes.get(node)?.spec?.taints?.some(({ effect }) => effect === 'NoExecute')) queue.add(node);
      };
      pods.on({ added: bound, updated: bound });
      liveness.onChange((node) => queue.add(node));
    },
    keys: () => nodes.list().map(objectKey),
    async reconcile(key) {
      let node = nodes.get(key);
      if (!node || node.metadata?.deletionTimestamp) return undefined;
      if (!liveness.isAlive(key)) node = await markUnknown(node);
      node = await taint(node);
      // A board that is there speaks for its pods itself.
      const since = liveness.isAlive(key) ? undefined : nodeOfflineSince(node);
      if (since === undefined) return undefined;
      const unmarked = pods.byIndex(byNode, key).filter((pod) => offlinePod(pod, key, since, 0) !== pod);
      await each(unmarked, (pod) => markOffline(pod, key, since));
      return undefined;
    },
  };
}
