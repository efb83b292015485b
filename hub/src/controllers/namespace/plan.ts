import type { Namespace, NamespaceCondition, Pod } from '@flotilla/shared/api/generated/types.js';
import { offlineWords, podOfflineSince } from '@flotilla/shared/api/offline.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';

/** What is left of one resource in a namespace. */
export interface Remaining {
  readonly group: string;
  readonly resource: string;
  readonly objects: readonly KubeObject[];
}

/** So many nodes are named. */
const mostNamed = 5;

const qualified = ({ group, resource }: Remaining): string => `${resource}.${group}`;

/** What to delete now: pods before everything else, so that what they use stays while they stop. */
export function planContent(remaining: readonly Remaining[]): readonly Remaining[] {
  const pods = remaining.filter(({ group, resource, objects }) => group === '' && resource === 'pods' && objects.length > 0);
  return pods.length > 0 ? pods : remaining.filter(({ objects }) => objects.length > 0);
}

type Told = Pick<NamespaceCondition, 'type' | 'status' | 'reason' | 'message'>;

/** The conditions in which Kubernetes tells how far the deletion is (namespaced_resources_deleter). */
export function namespaceConditions(
  namespace: Namespace,
  remaining: readonly Remaining[],
  failures: readonly string[],
  nowMs: number,
): NamespaceCondition[] {
  const left = remaining.filter(({ objects }) => objects.length > 0);
  const finalizers = new Map<string, number>();
  for (const { objects } of left) {
    for (const object of objects) {
      for (const finalizer of object.metadata?.finalizers ?? []) finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
    }
  }
  const contents = left.map((item) => `${qualified(item)} has ${item.objects.length} resource instances`).sort();
  const held = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`).sort();
  const told: Told[] = [
    {
      type: 'NamespaceDeletionDiscoveryFailure',
      status: 'False',
      reason: 'ResourcesDiscovered',
      message: 'All resources successfully discovered',
    },
    {
      type: 'NamespaceDeletionGroupVersionParsingFailure',
      status: 'False',
      reason: 'ParsedGroupVersions',
      message: 'All legacy kube types successfully parsed',
    },
    failures.length > 0
      ? {
          type: 'NamespaceDeletionContentFailure',
          status: 'True',
          reason: 'ContentDeletionFailed',
          message: `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(', ')}`,
        }
      : {
          type: 'NamespaceDeletionContentFailure',
          status: 'False',
          reason: 'ContentDeleted',
          message: 'All content successfully deleted, may be waiting on finalization',
        },
    contents.length > 0
      ? {
          type: 'NamespaceContentRemaining',
          status: 'True',
          reason: 'SomeResourcesRemain',
          message: `Some resources are remaining: ${contents.join(', ')}`,
        }
      : { type: 'NamespaceContentRemaining', status: 'False', reason: 'ContentRemoved', message: 'All content successfully removed' },
    held.length > 0
      ? {
          type: 'NamespaceFinalizersRemaining',
          status: 'True',
          reason: 'SomeFinalizersRemain',
          message: `Some content in the namespace has finalizers remaining: ${held.join(', ')}`,
        }
      : {
          type: 'NamespaceFinalizersRemaining',
          status: 'False',
          reason: 'ContentHasNoFinalizers',
          message: 'All content-preserving finalizers finished',
        },
    ...waitingForNodes(left),
  ];
  const known = namespace.status?.conditions ?? [];
  return told.map((condition) => {
    const old = known.find(({ type }) => type === condition.type);
    const lastTransitionTime = old?.status === condition.status ? (old.lastTransitionTime ?? kubeTime(nowMs)) : kubeTime(nowMs);
    return { ...condition, lastTransitionTime };
  });
}

/** Not one of Kubernetes' own, and there only while it is true: pods go when their boards, which are away, have stopped them. */
function waitingForNodes(left: readonly Remaining[]): Told[] {
  const pods = left
    .filter(({ group, resource }) => group === '' && resource === 'pods')
    .flatMap(({ objects }) => objects as readonly Pod[]);
  const nodes = new Map<string, { readonly words: string; pods: number }>();
  for (const pod of pods) {
    const since = podOfflineSince(pod);
    const node = pod.spec?.nodeName;
    if (!since || !node) continue;
    const known = nodes.get(node) ?? { words: offlineWords(node, since), pods: 0 };
    known.pods++;
    nodes.set(node, known);
  }
  if (nodes.size === 0) return [];
  const away = [...nodes.values()].map(({ words, pods: count }) => `${words} and has ${count} ${count === 1 ? 'pod' : 'pods'}`).sort();
  const more = away.length > mostNamed ? `, and ${away.length - mostNamed} more nodes` : '';
  const message = `Pods will be stopped when their nodes return: ${away.slice(0, mostNamed).join(', ')}${more}`;
  return [{ type: 'NamespaceWaitingForNodes', status: 'True', reason: 'NodesOffline', message }];
}

export function sameConditions(a: readonly NamespaceCondition[] | undefined, b: readonly NamespaceCondition[]): boolean {
  return (
    (a?.length ?? 0) === b.length &&
    b.every((condition) => {
      const there = a?.find(({ type }) => type === condition.type);
      return there?.status === condition.status && there.reason === condition.reason && there.message === condition.message;
    })
  );
}
