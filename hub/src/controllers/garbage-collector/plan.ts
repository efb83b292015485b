import type { KubeObject, OwnerReference } from '@flotilla/shared/meta/object.js';
import type { DeleteOptions } from '#registry/generic/types.ts';

export const orphanFinalizer = 'orphan';
const foregroundFinalizer = 'foregroundDeletion';

/** What is known of the object an owner reference names; unknown kinds count as existing, for ever. */
export type OwnerState = 'exists' | 'waitsForDependents' | 'absent' | 'unknown';

export interface GarbageView {
  readonly object: KubeObject;
  readonly stateOf: (owner: OwnerReference) => OwnerState;
  readonly dependents: () => readonly KubeObject[];
}

export type GarbageStep =
  | { readonly type: 'nothing' }
  | { readonly type: 'delete'; readonly options: DeleteOptions }
  /** The object is one of a circle of owners that wait for each other: it stops blocking its owners, then goes in the foreground. */
  | { readonly type: 'breakCircle'; readonly options: DeleteOptions }
  /** Some owners are left; the others are taken off the list. */
  | { readonly type: 'disown'; readonly uids: readonly string[] }
  /** The object was deleted with Orphan: its dependents forget it, then it goes. */
  | { readonly type: 'orphanDependents' }
  /** The object was deleted in the foreground and what blocked it is gone. */
  | { readonly type: 'removeFinalizer'; readonly finalizer: string }
  /** The object waits for its dependents: each of them needs a look, but for those that wait themselves. */
  | { readonly type: 'lookAtDependents' };

/** Whether an object is being deleted in the foreground and not gone yet. */
export function waitsForDependents({ metadata }: KubeObject): boolean {
  return metadata?.deletionTimestamp !== undefined && (metadata.finalizers?.includes(foregroundFinalizer) ?? false);
}

/** What becomes of one object (pkg/controller/garbagecollector, attemptToDeleteItem and processDeletingDependentsItem). */
export function planGarbage({ object, stateOf, dependents }: GarbageView): GarbageStep {
  const meta = object.metadata ?? {};
  const has = (finalizer: string): boolean => meta.finalizers?.includes(finalizer) ?? false;
  if (meta.deletionTimestamp) {
    if (has(orphanFinalizer)) return { type: 'orphanDependents' };
    if (!has(foregroundFinalizer)) return { type: 'nothing' };
    const blocking = dependents().some(({ metadata }) =>
      metadata?.ownerReferences?.some((owner) => owner.uid === meta.uid && owner.blockOwnerDeletion),
    );
    return blocking ? { type: 'lookAtDependents' } : { type: 'removeFinalizer', finalizer: foregroundFinalizer };
  }
  const owners = meta.ownerReferences ?? [];
  if (owners.length === 0) return { type: 'nothing' };
  const states = owners.map((owner) => ({ owner, state: stateOf(owner) }));
  const going = states.filter(({ state }) => state === 'absent' || state === 'waitsForDependents');
  if (going.length === 0) return { type: 'nothing' };
  if (going.length < states.length) return { type: 'disown', uids: going.map(({ owner }) => owner.uid) };
  const preconditions = { uid: meta.uid ?? '' };
  const waited = states.some(({ state }) => state === 'waitsForDependents');
  const left = waited ? dependents() : [];
  if (left.length > 0) {
    const options: DeleteOptions = { preconditions, propagationPolicy: 'Foreground' };
    return { type: left.some(waitsForDependents) ? 'breakCircle' : 'delete', options };
  }
  if (has(orphanFinalizer)) return { type: 'delete', options: { preconditions, propagationPolicy: 'Orphan' } };
  if (has(foregroundFinalizer)) return { type: 'delete', options: { preconditions, propagationPolicy: 'Foreground' } };
  return { type: 'delete', options: { preconditions, propagationPolicy: 'Background' } };
}
