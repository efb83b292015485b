import type { Namespace } from '@flotilla/shared/api/generated/types.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import { type KubeObject, objectKey } from '@flotilla/shared/meta/object.js';
import { type Controller, type ControllerEnv, errorMessage, type KeyQueue } from '../controller.ts';
import { namespaceConditions, planContent, type Remaining, sameConditions } from './plan.ts';

const finalizer = 'kubernetes';
/** At most so many objects of a namespace are deleted in one look. */
const batch = 500;

/** Empties a namespace that is being deleted and then lets it go (pkg/controller/namespace). Keys are namespaces. */
export function createNamespaceController({ client, clock }: ControllerEnv): Controller {
  const namespaces = client.informer<Namespace>('', 'namespaces');
  const resource = client.resource<Namespace>('', 'namespaces');
  const contents = client
    .resources()
    .filter(({ namespaced }) => namespaced)
    .map(({ group, resource: plural }) => ({
      group,
      resource: plural,
      informer: client.informer<KubeObject>(group, plural),
      objects: client.resource<KubeObject>(group, plural),
    }));

  const remainingIn = (namespace: string): Remaining[] =>
    contents.map(({ group, resource: plural, informer }) => ({ group, resource: plural, objects: informer.list(namespace) }));

  const empty = async (namespace: string): Promise<string[]> => {
    const failures: string[] = [];
    for (const { group, resource: plural, objects } of planContent(remainingIn(namespace))) {
      const { objects: writer } = contents.find((content) => content.group === group && content.resource === plural) ?? {};
      const due = objects.filter(({ metadata }) => !metadata?.deletionTimestamp).slice(0, batch);
      const results = await Promise.allSettled(
        due.map(({ metadata }) => writer?.delete(namespace, metadata?.name ?? '', { propagationPolicy: 'Background' })),
      );
      const failed = results.find((result) => result.status === 'rejected' && !isNotFound(result.reason));
      if (failed?.status === 'rejected') failures.push(`${plural}: ${errorMessage(failed.reason)}`);
    }
    return failures;
  };

  const finalize = async (namespace: Namespace): Promise<void> => {
    const name = objectKey(namespace);
    if (namespace.spec?.finalizers?.includes(finalizer)) {
      await resource.updateSubresource('', name, 'finalize', (current) => ({
        ...current,
        spec: { ...current.spec, finalizers: (current.spec?.finalizers ?? []).filter((entry) => entry !== finalizer) },
      }));
    }
    const left = namespaces.get(name);
    if (left?.metadata?.deletionTimestamp && !left.spec?.finalizers?.length && !left.metadata.finalizers?.length) {
      await resource.delete('', name, { preconditions: { uid: left.metadata.uid ?? '' } });
    }
  };

  return {
    workers: 2,
    watch(queue: KeyQueue) {
      const changed = (namespace: Namespace): void => {
        if (namespace.metadata?.deletionTimestamp) queue.add(objectKey(namespace));
      };
      namespaces.on({ added: changed, updated: changed });
      for (const { informer } of contents) {
        const within = (object: KubeObject): void => {
          const namespace = object.metadata?.namespace ?? '';
          if (namespaces.get(namespace)?.metadata?.deletionTimestamp) queue.add(namespace);
        };
        informer.on({ added: within, updated: within, deleted: within });
      }
    },
    *keys() {
      for (const namespace of namespaces.list()) if (namespace.metadata?.deletionTimestamp) yield objectKey(namespace);
    },
    async reconcile(key) {
      const namespace = namespaces.get(key);
      if (!namespace?.metadata?.deletionTimestamp) return undefined;
      try {
        const failures = await empty(key);
        const remaining = remainingIn(key);
        if (failures.length === 0 && remaining.every(({ objects }) => objects.length === 0)) {
          await finalize(namespace);
          return undefined;
        }
        const conditions = namespaceConditions(namespace, remaining, failures, clock.wallMs());
        if (!sameConditions(namespace.status?.conditions, conditions)) {
          await resource.updateStatus('', key, (current) => ({ ...current, status: { ...current.status, conditions } }));
        }
        if (failures.length > 0) throw new Error(`deleting the content of namespace ${key}: ${failures.join(', ')}`);
        // A batch is done and something without a deletion mark is left: go on at once.
        const more = planContent(remaining).some(({ objects }) => objects.some(({ metadata }) => !metadata?.deletionTimestamp));
        return more ? { requeueAfterMs: 0 } : undefined;
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
  };
}
