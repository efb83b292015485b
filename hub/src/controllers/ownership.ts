import { controllerOf, type KubeObject, type LabelSelector, type OwnerReference, objectKey } from '@flotilla/shared/meta/object.js';
import { labelSelector } from '@flotilla/shared/meta/selector.js';
import type { Informer, ResourceClient } from '#client/types.ts';

/** What has a selector and controls what that selects. */
type Selecting = KubeObject & { readonly spec?: { readonly selector?: LabelSelector } };

/** What a controller's selector and the owner references say together. */
interface Claim<T> {
  /** Controlled already and selected. */
  readonly owned: readonly T[];
  /** Selected and nobody's. */
  readonly adopt: readonly T[];
  /** Controlled but no longer selected. */
  readonly release: readonly T[];
}

/** Decides adoption and release as Kubernetes' controller_ref_manager does; a controller being deleted adopts nothing. */
function planClaim<T extends KubeObject>(owner: KubeObject, objects: Iterable<T>, selects: (object: T) => boolean): Claim<T> {
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

function adopted<T extends KubeObject>(object: T, ref: OwnerReference): T {
  const owners = object.metadata?.ownerReferences ?? [];
  const controller = owners.find((owner) => owner.controller);
  if (controller) {
    if (controller.uid === ref.uid) return object;
    throw new Error(`${object.metadata?.name ?? ''} was adopted by ${controller.kind} ${controller.name}`);
  }
  return { ...object, metadata: { ...object.metadata, ownerReferences: [...owners, ref] } };
}

function released<T extends KubeObject>(object: T, uid: string | undefined): T {
  const left = (object.metadata?.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
  const { ownerReferences: _gone, ...metadata } = object.metadata ?? {};
  return { ...object, metadata: left.length > 0 ? { ...metadata, ownerReferences: left } : metadata };
}

/** Adopts and releases what the owner's selector says; gives what it controls then. */
export async function claim<T extends KubeObject>(
  resource: ResourceClient<T>,
  objects: Iterable<T>,
  owner: Selecting,
  ref: OwnerReference,
): Promise<readonly T[]> {
  const selector = labelSelector(owner.spec?.selector);
  const wanted = planClaim(owner, objects, ({ metadata }) => selector.matches(metadata?.labels));
  const change = ({ metadata }: T, update: (current: T) => T): Promise<T> =>
    resource.update(metadata?.namespace ?? '', metadata?.name ?? '', update);
  for (const object of wanted.release) await change(object, (current) => released(current, owner.metadata?.uid));
  const taken: T[] = [];
  for (const object of wanted.adopt) taken.push(await change(object, (current) => adopted(current, ref)));
  return [...wanted.owned, ...taken];
}

/** Keys of whoever an object belongs to: of its controller, when that is of this kind, or of all that select it when it has none. */
export function ownerKeys(object: KubeObject, kind: string, owners: (namespace: string) => readonly Selecting[]): string[] {
  const owner = controllerOf(object);
  const { namespace = '', labels } = object.metadata ?? {};
  if (owner) return owner.kind === kind ? [`${namespace}/${owner.name}`] : [];
  return owners(namespace)
    .filter(({ spec }) => labelSelector(spec?.selector).matches(labels))
    .map(objectKey);
}

/** Finds objects by the uid of their controller; those without one by `orphan:NAMESPACE`. */
export const byController = 'controller';

export function indexByController<T extends KubeObject>(informer: Informer<T>): void {
  informer.index(byController, (object) => [controllerOf(object)?.uid ?? `orphan:${object.metadata?.namespace ?? ''}`]);
}

/** Tells of an object whatever becomes of it, and of what it was before when that had another controller. */
export function onOwned<T extends KubeObject>(informer: Informer<T>, changed: (object: T) => void): void {
  informer.on({
    added: changed,
    updated: (object, old) => {
      changed(object);
      if (controllerOf(object)?.uid !== controllerOf(old)?.uid) changed(old);
    },
    deleted: changed,
  });
}

/** What a controller may have a claim on: its own, and the orphans of its namespace. */
export function claimable<T extends KubeObject>(informer: Informer<T>, owner: KubeObject): T[] {
  const { uid, namespace } = owner.metadata ?? {};
  return [...informer.byIndex(byController, uid ?? ''), ...informer.byIndex(byController, `orphan:${namespace ?? ''}`)];
}
