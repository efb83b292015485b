import type { Namespace, Node, Pod, Taint } from '@flotilla/shared/api/generated/types.js';
import { offlineAnnotations } from '@flotilla/shared/api/offline-policy.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import type { Controller, ControllerEnv } from '../controller.ts';
import { withPodCondition } from '../pod-condition.ts';
import { isFinished } from '../pod-state.ts';
import type { LeaseLedger } from './lease-ledger.ts';
import { type Departure, planDeparture } from './plan.ts';

const byNode = 'nodeName';
/** Pods of one node that are written at once. */
const parallel = 16;
const longestWaitMs = 86_400_000;

const idOf = ({ key, value, timeAdded }: Taint): string => JSON.stringify([key, value, timeAdded]);

/**
 * Pods leave nodes with NoExecute taints (pkg/controller/tainteviction), and boards that are away as the pods' policies say. Where
 * Kubernetes evicts for want of a toleration, a pod stays here when its board is merely away. Keys are nodes.
 */
export function createTaintEvictionController(
  { client, clock, recorder, logger }: ControllerEnv,
  ledger: LeaseLedger | undefined,
): Controller {
  const nodes = client.informer<Node>('', 'nodes');
  const namespaces = client.informer<Namespace>('', 'namespaces');
  const pods = client.informer<Pod>('', 'pods');
  const resource = client.resource<Pod>('', 'pods');
  pods.index(byNode, ({ spec }) => (spec?.nodeName ? [spec.nodeName] : []));
  /** Pods that were told that they will go: by node, then uid. */
  const announced = new Map<string, Set<string>>();

  /** When each taint of a node was added, by the clock that does not jump. */
  const taintedAt = new Map<string, ReadonlyMap<string, number>>();

  const timesOf = (node: Node): ReadonlyMap<string, number> => {
    const known = taintedAt.get(objectKey(node));
    const times = new Map<string, number>();
    for (const taint of node.spec?.taints ?? []) {
      if (taint.effect !== 'NoExecute') continue;
      const agoMs = taint.timeAdded ? Math.max(0, clock.wallMs() - Date.parse(taint.timeAdded)) : 0;
      times.set(idOf(taint), known?.get(idOf(taint)) ?? clock.monotonicMs() - agoMs);
    }
    if (times.size > 0) taintedAt.set(objectKey(node), times);
    else taintedAt.delete(objectKey(node));
    return times;
  };

  const titleOf = ({ metadata }: Pod): string => `${metadata?.namespace}/${metadata?.name}`;

  const disrupted = async (pod: Pod): Promise<void> => {
    const { namespace = '', name = '' } = pod.metadata ?? {};
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
    };
    await resource.updateStatus(namespace, name, (current) => withPodCondition(current, condition, clock.wallMs()));
  };

  const remove = async (pod: Pod, gracePeriodSeconds?: number): Promise<void> => {
    const { namespace = '', name = '', uid = '' } = pod.metadata ?? {};
    recorder.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${titleOf(pod)}`);
    await disrupted(pod);
    await resource.delete(namespace, name, { preconditions: { uid }, ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }) });
  };

  const replace = async (pod: Pod, absence: string): Promise<void> => {
    const { namespace = '', name = '', uid } = pod.metadata ?? {};
    await resource.update(namespace, name, (current) => {
      if (current.metadata?.uid !== uid) return current;
      const annotations = { ...current.metadata?.annotations, [offlineAnnotations.replacedIn]: absence };
      return { ...current, metadata: { ...current.metadata, annotations } };
    });
    recorder.event(
      pod,
      'Normal',
      'ReplacedWhileOffline',
      `Pod ${titleOf(pod)} is kept for the return of its node; another takes its place until then`,
    );
  };

  /** The ledger is told first: from then on nothing is granted. */
  const afterLease = async (pod: Pod, act: () => Promise<void>): Promise<void> => {
    if (!ledger?.giveUp(pod)) return;
    try {
      logger.info('the lease of a pod is over on a board that is away', { pod: titleOf(pod), node: pod.spec?.nodeName });
      await act();
    } finally {
      ledger.settle(pod);
    }
  };

  const depart = (pod: Pod, departure: Departure): Promise<void> => {
    if (departure.how === 'delete') return remove(pod);
    if (departure.how === 'remove') return afterLease(pod, () => remove(pod, 0));
    const { absence } = departure;
    return departure.lease ? afterLease(pod, () => replace(pod, absence)) : replace(pod, absence);
  };

  const departAll = async (leaving: readonly (readonly [Pod, Departure])[]): Promise<void> => {
    for (let from = 0; from < leaving.length; from += parallel) {
      await Promise.all(
        leaving.slice(from, from + parallel).map(([pod, departure]) =>
          depart(pod, departure).catch((error: unknown) => {
            if (!isNotFound(error)) throw error;
          }),
        ),
      );
    }
  };

  /** Tells of those that were to go and now stay. */
  const announce = (node: string, leaving: ReadonlySet<string>, here: readonly Pod[]): void => {
    for (const uid of announced.get(node) ?? []) {
      if (leaving.has(uid)) continue;
      const pod = here.find(({ metadata }) => metadata?.uid === uid && metadata.deletionTimestamp === undefined);
      if (pod) recorder.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${titleOf(pod)}`);
    }
    if (leaving.size > 0) announced.set(node, new Set(leaving));
    else announced.delete(node);
  };

  return {
    workers: 8,
    resyncMs: 60_000,
    watch(queue) {
      nodes.on({
        added: (node) => queue.add(objectKey(node)),
        updated: (node) => queue.add(objectKey(node)),
        deleted: (node) => {
          announced.delete(objectKey(node));
          taintedAt.delete(objectKey(node));
        },
      });
      const tainted = (name: string | undefined): boolean =>
        name !== undefined && (nodes.get(name)?.spec?.taints?.some(({ effect }) => effect === 'NoExecute') ?? false);
      const bound = ({ spec }: Pod): void => {
        // A node without such taints has nothing to say about its pods.
        if (tainted(spec?.nodeName)) queue.add(spec?.nodeName ?? '');
      };
      pods.on({ added: bound, updated: bound });
      namespaces.on({ updated: ({ metadata }) => pods.list(metadata?.name ?? '').forEach(bound) });
    },
    keys: () => nodes.list().map(objectKey),
    async reconcile(key) {
      const node = nodes.get(key);
      if (!node || node.metadata?.deletionTimestamp) return undefined;
      const nowMs = clock.monotonicMs();
      const times = timesOf(node);
      const elapsedMs = (taint: Taint): number => nowMs - (times.get(idOf(taint)) ?? nowMs);
      const here = pods.byIndex(byNode, key);
      const due: [Pod, Departure][] = [];
      const waiting = new Set<string>();
      let soonestMs = Number.POSITIVE_INFINITY;
      for (const pod of here) {
        if (isFinished(pod)) continue;
        const namespace = namespaces.get(pod.metadata?.namespace ?? '')?.metadata?.annotations;
        const leaseOverInMs = (): number => ledger?.overInMs(pod) ?? longestWaitMs;
        const departure = planDeparture({ pod, node, namespace, elapsedMs, leaseOverInMs });
        if (!departure) continue;
        if (departure.afterMs <= 0) due.push([pod, departure]);
        else {
          soonestMs = Math.min(soonestMs, departure.afterMs);
          if (departure.how === 'delete') waiting.add(pod.metadata?.uid ?? '');
        }
      }
      announce(key, new Set([...waiting, ...due.map(([pod]) => pod.metadata?.uid ?? '')]), here);
      await departAll(due);
      return Number.isFinite(soonestMs) ? { requeueAfterMs: Math.min(Math.ceil(soonestMs), longestWaitMs) } : undefined;
    },
  };
}
