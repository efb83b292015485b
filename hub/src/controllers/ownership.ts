import { controllerOf, type KubeObject, type OwnerReference } from '@flotilla/shared/meta/object.js';
import type { Informer } from '#client/types.ts';

/** What a controller's selector and the owner references say together. */
export interface Claim<T> {
  /** Controlled already and selected. */
  readonly owned: readonly T[];
  /** Selected and nobody's. */
  readonly adopt: readonly T[];
  /** Controlled but no longer selected. */
  readonly release: readonly T[];
}

/** Decides adoption and release as Kubernetes' controller_ref_manager does; a controller being deleted adopts nothing. */
export function planClaim<T extends KubeObject>(owner: KubeObject, objects: Iterable<T>, selects: (object: T) => boolean): Claim<T> {
  const owned: T[] = [];
  const adopt: T[] = [];
  const release: T[] = [];
  const uid = owner.metadata?.uid;
  const ownerGoing = owner.metadata?.deletionTimestamp !== undefined;
  for (const object of objects) {
    const controller = controllerOf(object);
    if (controller) {
      if (controller.uid !== uid) continue;
      if (selects(object)) owned.push(object);
      else if (!ownerGoing) release.push(object);
      continue;
    }
    if (ownerGoing || object.metadata?.deletionTimestamp || !selects(object)) continue;
    adopt.push(object);
  }
  return { owned, adopt, release };
}

export function controllerRef(owner: KubeObject, apiVersion: string, kind: string): OwnerReference {
  return { apiVersion, kind, name: owner.metadata?.name ?? '', uid: owner.metadata?.uid ?? '', controller: true, blockOwnerDeletion: true };
}

export function adopted<T extends KubeObject>(object: T, ref: OwnerReference): T {
  const owners = object.metadata?.ownerReferences ?? [];
  const controller = owners.find((owner) => owner.controller);
  if (controller) {
    if (controller.uid === ref.uid) return object;
    throw new Error(`${object.metadata?.name ?? ''} was adopted by ${controller.kind} ${controller.name}`);
  }
  return { ...object, metadata: { ...object.metadata, ownerReferences: [...owners, ref] } };
}

export function released<T extends KubeObject>(object: T, uid: string | undefined): T {
  const left = (object.metadata?.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
  const { ownerReferences: _gone, ...metadata } = object.metadata ?? {};
  return { ...object, metadata: left.length > 0 ? { ...metadata, ownerReferences: left } : metadata };
}

/** Finds objects by the uid of their controller; those without one by `orphan:NAMESPACE`. */
export const byController = 'controller';

export function indexByController<T extends KubeObject>(informer: Informer<T>): void {
  informer.index(byController, (object) => [controllerOf(object)?.uid ?? `orphan:${object.metadata?.namespace ?? ''}`]);
}

/** What a controller may have a claim on: its own, and the orphans of its namespace. */
export function claimable<T extends KubeObject>(informer: Informer<T>, owner: KubeObject): T[] {
  const { uid, namespace } = owner.metadata ?? {};
  return [...informer.byIndex(byController, uid ?? ''), ...informer.byIndex(byController, `orphan:${namespace ?? ''}`)];
}
