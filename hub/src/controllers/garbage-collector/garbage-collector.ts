import { isNotFound } from '@flotilla/shared/errors/status.js';
import { type KubeObject, type OwnerReference, objectKey, splitKey } from '@flotilla/shared/meta/object.js';
import type { Informer, ResourceClient, ServedResource } from '#client/types.ts';
import type { Controller, ControllerEnv, KeyQueue } from '../controller.ts';
import { type GarbageStep, type OwnerState, orphanFinalizer, planGarbage, waitsForDependents } from './plan.ts';

interface Kind extends ServedResource {
  readonly id: string;
  readonly informer: Informer<KubeObject>;
  readonly objects: ResourceClient<KubeObject>;
}

/** Events are many, have no owners that matter, and go by themselves. */
const ignored: ReadonlySet<string> = new Set(['events']);
const byOwner = 'owner';

/**
 * Deletes what nobody owns any more. An owner is found by its kind and name and must have the uid that is named; because
 * the caches are filled before the first look and never lag behind a commit, what is not there does not exist.
 * Keys are `GROUP/RESOURCE|NAMESPACE/NAME`.
 */
export function createGarbageCollector({ client, recorder }: ControllerEnv): Controller {
  const kinds = new Map<string, Kind>();
  const byKind = new Map<string, Kind>();
  for (const served of client.resources()) {
    if (ignored.has(served.resource)) continue;
    const { group, resource, version, kind } = served;
    const informer = client.informer<KubeObject>(group, resource);
    informer.index(byOwner, ({ metadata }) => metadata?.ownerReferences?.map(({ uid }) => uid) ?? []);
    const entry: Kind = {
      ...served,
      group,
      version,
      kind,
      resource,
      namespaced: served.namespaced,
      id: `${group}/${resource}`,
      informer,
      objects: client.resource(group, resource),
    };
    kinds.set(entry.id, entry);
    byKind.set(`${group}/${kind}`, entry);
  }

  const ownerKind = (owner: OwnerReference): Kind | undefined => {
    const slash = owner.apiVersion.indexOf('/');
    return byKind.get(`${slash < 0 ? '' : owner.apiVersion.slice(0, slash)}/${owner.kind}`);
  };
  const ownerOf = (object: KubeObject, owner: OwnerReference): { kind: Kind; found: KubeObject | undefined } | undefined => {
    const kind = ownerKind(owner);
    if (!kind) return undefined;
    // A namespaced owner lives in its dependent's namespace; what lives in none can have no such owner.
    const namespace = object.metadata?.namespace;
    const found = kind.informer.get(kind.namespaced ? `${namespace ?? ''}/${owner.name}` : owner.name);
    return { kind, found: found?.metadata?.uid === owner.uid ? found : undefined };
  };
  const stateOf = (object: KubeObject, owner: OwnerReference): OwnerState => {
    const looked = ownerOf(object, owner);
    if (!looked) return 'unknown';
    if (looked.kind.namespaced && !object.metadata?.namespace) {
      recorder.event(
        object,
        'Warning',
        'OwnerRefInvalidNamespace',
        `ownerRef [${looked.kind.group}/${looked.kind.version}/${owner.kind}, namespace: , name: ${owner.name}, uid: ${owner.uid}] does not exist in namespace ""`,
      );
      return 'unknown';
    }
    if (!looked.found) return 'absent';
    return waitsForDependents(looked.found) && owner.blockOwnerDeletion ? 'waitsForDependents' : 'exists';
  };
  const dependentsOf = (uid: string): { kind: Kind; object: KubeObject }[] =>
    [...kinds.values()].flatMap((kind) => kind.informer.byIndex(byOwner, uid).map((object) => ({ kind, object })));
  const keyOf = (kind: Kind, object: KubeObject): string => `${kind.id}|${objectKey(object)}`;

  const change = async (kind: Kind, object: KubeObject, update: (current: KubeObject) => KubeObject): Promise<void> => {
    const { namespace = '', name = '', uid } = object.metadata ?? {};
    await kind.objects.update(namespace, name, (current) => (current.metadata?.uid === uid ? update(current) : current));
  };
  const disown = (kind: Kind, object: KubeObject, uids: readonly string[]): Promise<void> =>
    change(kind, object, (current) =>
      withList(
        current,
        'ownerReferences',
        current.metadata?.ownerReferences?.filter(({ uid }) => !uids.includes(uid)),
      ),
    );
  const stopBlocking = (kind: Kind, object: KubeObject): Promise<void> =>
    change(kind, object, (current) =>
      withList(
        current,
        'ownerReferences',
        current.metadata?.ownerReferences?.map((owner) => (owner.blockOwnerDeletion ? { ...owner, blockOwnerDeletion: false } : owner)),
      ),
    );
  const dropFinalizer = (kind: Kind, object: KubeObject, finalizer: string): Promise<void> =>
    change(kind, object, (current) =>
      withList(
        current,
        'finalizers',
        current.metadata?.finalizers?.filter((entry) => entry !== finalizer),
      ),
    );

  let queue: KeyQueue | undefined;
  const execute = async (kind: Kind, object: KubeObject, step: GarbageStep): Promise<void> => {
    const { namespace = '', name = '', uid = '' } = object.metadata ?? {};
    switch (step.type) {
      case 'nothing':
        return;
      case 'delete':
        return kind.objects.delete(namespace, name, step.options);
      case 'breakCircle':
        await stopBlocking(kind, object);
        return kind.objects.delete(namespace, name, step.options);
      case 'disown':
        return disown(kind, object, step.uids);
      case 'orphanDependents':
        for (const dependent of dependentsOf(uid)) await disown(dependent.kind, dependent.object, [uid]);
        return dropFinalizer(kind, object, orphanFinalizer);
      case 'removeFinalizer':
        return dropFinalizer(kind, object, step.finalizer);
      case 'lookAtDependents':
        for (const dependent of dependentsOf(uid)) {
          if (!waitsForDependents(dependent.object)) queue?.add(keyOf(dependent.kind, dependent.object));
        }
    }
  };
  const concerns = ({ metadata }: KubeObject): boolean =>
    (metadata?.ownerReferences?.length ?? 0) > 0 || (metadata?.deletionTimestamp !== undefined && (metadata.finalizers?.length ?? 0) > 0);

  return {
    workers: 20,
    watch(into) {
      queue = into;
      for (const kind of kinds.values()) {
        const changed = (object: KubeObject): void => {
          if (concerns(object)) into.add(keyOf(kind, object));
        };
        const ownersOf = (object: KubeObject, owners: readonly OwnerReference[]): void => {
          for (const owner of owners) {
            const looked = ownerOf(object, owner);
            if (looked?.found && concerns(looked.found)) into.add(keyOf(looked.kind, looked.found));
          }
        };
        kind.informer.on({
          added: changed,
          updated: (object, old) => {
            changed(object);
            ownersOf(object, noLongerBlocked(object, old));
          },
          deleted: (object) => {
            for (const dependent of dependentsOf(object.metadata?.uid ?? '')) into.add(keyOf(dependent.kind, dependent.object));
            ownersOf(object, object.metadata?.ownerReferences ?? []);
          },
        });
      }
    },
    *keys() {
      for (const kind of kinds.values()) for (const object of kind.informer.list()) if (concerns(object)) yield keyOf(kind, object);
    },
    async reconcile(key) {
      const bar = key.indexOf('|');
      const kind = kinds.get(key.slice(0, bar));
      const { namespace, name } = splitKey(key.slice(bar + 1));
      const object = kind?.informer.get(namespace ? `${namespace}/${name}` : name);
      if (!kind || !object) return undefined;
      const step = planGarbage({
        object,
        stateOf: (owner) => stateOf(object, owner),
        dependents: () => dependentsOf(object.metadata?.uid ?? '').map((dependent) => dependent.object),
      });
      await execute(kind, object, step).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
      return undefined;
    },
  };
}

/** Owners that waited for this object, and need not any more. */
function noLongerBlocked(object: KubeObject, old: KubeObject): readonly OwnerReference[] {
  if (object.metadata?.ownerReferences === old.metadata?.ownerReferences) return [];
  const blocks = new Set(object.metadata?.ownerReferences?.filter((owner) => owner.blockOwnerDeletion).map(({ uid }) => uid));
  return (old.metadata?.ownerReferences ?? []).filter((owner) => owner.blockOwnerDeletion && !blocks.has(owner.uid));
}

/** The object with a list of its metadata replaced, or left out when empty. */
function withList(object: KubeObject, field: 'ownerReferences' | 'finalizers', list: readonly unknown[] | undefined): KubeObject {
  const { [field]: _old, ...metadata } = object.metadata ?? {};
  return { ...object, metadata: list && list.length > 0 ? { ...metadata, [field]: list } : metadata };
}
