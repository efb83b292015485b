import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { conflict } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { foregroundFinalizer, orphanFinalizer } from '#registry/validation/metadata.ts';
import { clone } from './json.ts';
import { metadataOf } from './object-meta.ts';
import type { DeleteOptions, ResourceDefinition } from './types.ts';

/** What a DELETE shall do to an object. */
export type DeletionStep<T extends KubeObject> =
  | { readonly kind: 'remove' }
  /** The deletion is under way and this request changes nothing. */
  | { readonly kind: 'keep' }
  /** The object stays for now, with this state. */
  | { readonly kind: 'mark'; readonly object: T };

/**
 * Graceful deletion and finalizers (apiserver, registry/rest BeforeDelete and the generic store): pure.
 * @throws StatusError Conflict when a precondition does not hold
 */
export function planDeletion<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  old: T,
  options: DeleteOptions,
  nowMs: number,
): DeletionStep<T> {
  checkPreconditions(definition, old, options);
  const object = clone(old);
  const metadata = metadataOf(object);
  const grace = graceOf(definition, object, options);
  if (grace === 'pending') return { kind: 'keep' };
  metadata.finalizers = withPropagation(metadata.finalizers ?? [], options.propagationPolicy, definition.orphansByDefault ?? false);
  const waits = metadata.finalizers.length > 0 || (definition.finalizing?.(object) ?? false);
  if (metadata.finalizers.length === 0) delete metadata.finalizers;
  if (grace === 0 && !waits) return { kind: 'remove' };

  const first = metadata.deletionTimestamp === undefined;
  if (first && metadata.generation) metadata.generation++;
  if (grace > 0) {
    const begunMs = first ? nowMs : Date.parse(metadata.deletionTimestamp ?? '') - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    const endMs = Math.max(begunMs + grace * 1000, nowMs);
    metadata.deletionTimestamp = kubeTime(endMs);
    // A grace period that is over when it is shortened still leaves the last word to whoever stops the object.
    metadata.deletionGracePeriodSeconds = begunMs + grace * 1000 < nowMs ? 1 : grace;
  } else {
    if (first || Date.parse(metadata.deletionTimestamp ?? '') > nowMs) metadata.deletionTimestamp = kubeTime(nowMs);
    if (!definition.finalizing) metadata.deletionGracePeriodSeconds = 0;
  }
  definition.strategy.prepareForDelete?.(object);
  return { kind: 'mark', object };
}

/** Seconds until the object may go; `pending` when a deletion with no longer period is under way. */
function graceOf<T extends KubeObject>(definition: ResourceDefinition<T>, object: T, options: DeleteOptions): number | 'pending' {
  if (!definition.graceful) return 0;
  const asked = options.gracePeriodSeconds === undefined ? undefined : options.gracePeriodSeconds < 0 ? 1 : options.gracePeriodSeconds;
  const { deletionTimestamp, deletionGracePeriodSeconds: running } = object.metadata ?? {};
  if (deletionTimestamp === undefined) return definition.graceful(object, asked);
  if (!running) return 0;
  return asked === undefined || asked >= running ? 'pending' : asked;
}

function withPropagation(finalizers: readonly string[], policy: DeleteOptions['propagationPolicy'], orphans: boolean): string[] {
  const waits = finalizers.includes(foregroundFinalizer);
  const orphan = policy ? policy === 'Orphan' : finalizers.includes(orphanFinalizer) || (orphans && !waits);
  const foreground = policy ? policy === 'Foreground' : !orphan && waits;
  const others = finalizers.filter((finalizer) => finalizer !== orphanFinalizer && finalizer !== foregroundFinalizer);
  return [...others, ...(orphan ? [orphanFinalizer] : []), ...(foreground ? [foregroundFinalizer] : [])];
}

function checkPreconditions({ group, kind }: ResourceDefinition, object: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { uid: ownUid = '', resourceVersion: ownVersion = '', name = '' } = object.metadata ?? {};
  if (uid !== undefined && uid !== ownUid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${ownUid}). The object might have been deleted and then recreated`;
    throw conflict({ group, resource: kind }, name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== ownVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${ownVersion}). The object might have been modified`;
    throw conflict({ group, resource: kind }, name, why);
  }
}
