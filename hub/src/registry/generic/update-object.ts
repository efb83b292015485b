import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { invalid, invalidObject } from '@flotilla/shared/errors/field.js';
import { badRequest, conflict, isAlreadyExists, modified, notFound, StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject, ManagedFieldsEntry } from '@flotilla/shared/meta/object.js';
import { validateMetadata, validateMetadataUpdate } from '#registry/validation/metadata.ts';
import type { CachedObject } from '#store/cache.ts';
import type { Fence } from '#store/contract.ts';
import { createObject, dropDuplicateOwners } from './create-object.ts';
import { clone, jsonEqual, sharing } from './json.ts';
import { objectPath } from './keys.ts';
import { metadataOf } from './object-meta.ts';
import type { RequestContext, Update, UpdateOptions } from './types.ts';
import {
  admissionAttributes,
  apiVersionOf,
  detached,
  Hold,
  matchNamespace,
  maxAttempts,
  refuseFaults,
  strategyOf,
  tracked,
  type WriteParts,
  writing,
} from './write-parts.ts';

export interface UpdateResult<T extends KubeObject> {
  readonly object: CachedObject<T>;
  readonly created: boolean;
}

/**
 * The guaranteed update: every attempt begins with what stands now, goes through the whole write path and is written only if
 * nobody was faster. Without a resourceVersion in the object the next attempt follows; with one it is a conflict. @throws StatusError
 */
export async function updateObject<T extends KubeObject>(
  parts: WriteParts<T>,
  ctx: RequestContext,
  namespace: string,
  name: string,
  update: Update<T>,
  options: UpdateOptions = {},
): Promise<UpdateResult<T>> {
  const { definition, cache } = parts;
  const key = objectPath(definition, definition.namespaced ? namespace : '', name);
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    ctx.signal?.throwIfAborted();
    const current = cache.get<T>(key);
    checkPreconditions(parts, key, name, current, options);
    if (!current) {
      const created = await createMissing(parts, ctx, namespace, name, options);
      if (created) return created;
      continue;
    }
    const next = await update(current.object);
    if (next === current.object) return { object: current, created: false };
    // Subresources ask for nothing.
    const hold = new Hold<T>(options.subresource ? {} : parts);
    try {
      const admitted = await admitChanged(parts, ctx, namespace, name, clone(next), current.object, options, hold);
      const object = sharing(admitted, current.object);
      if (sameButForTimes(object, current.object)) return { object: current, created: false };
      const gone = vanishes(parts, object);
      if (options.dryRun) return { object: detached(key, object, current.revision), created: false };
      const written = await writing(() => writeChanged(parts, key, object, current, gone, hold.fence));
      if (written) return { object: written, created: false };
    } catch (error) {
      if (!hold.isOutdated(error)) throw error;
    } finally {
      hold.end();
    }
  }
  throw modified(definition, name);
}

async function writeChanged<T extends KubeObject>(
  { cache, definition }: WriteParts<T>,
  key: string,
  object: T,
  current: CachedObject<T>,
  gone: boolean,
  fence: Fence | undefined,
): Promise<CachedObject<T>> {
  const options = { fence, ttlSeconds: definition.ttlSeconds, deleting: isLettingGo(object, current.object) };
  if (!gone) return cache.update(key, current.revision, object, options);
  const { revision } = await cache.delete(key, current.revision);
  return detached(key, object, revision);
}

/** @throws StatusError Conflict as Kubernetes' storage words it */
function checkPreconditions(
  { definition }: WriteParts,
  key: string,
  name: string,
  current: CachedObject | undefined,
  options: UpdateOptions,
): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const stands = current?.object.metadata;
  const refuse = (what: string, wanted: string, found: string): never => {
    const why = `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${found}`;
    throw conflict(
      definition,
      name,
      `StorageError: invalid object, Code: 4, Key: ${options.dryRun ? '' : '/registry'}${storageKey(definition, key)}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`,
    );
  };
  if (uid !== undefined && uid !== stands?.uid) refuse('UID', uid, stands?.uid ?? '');
  if (resourceVersion !== undefined && resourceVersion !== stands?.resourceVersion) {
    refuse('ResourceVersion', resourceVersion, stands?.resourceVersion ?? '');
  }
}

/** What Kubernetes stores under another name than it serves. */
const storedAs: Readonly<Record<string, string>> = { nodes: 'minions', replicationcontrollers: 'controllers' };

/** The key as Kubernetes shows it: without the group. */
function storageKey({ resource }: WriteParts['definition'], key: string): string {
  return `/${storedAs[resource] ?? resource}/${key.split('/').slice(4).join('/')}`;
}

/** @returns undefined when somebody else created it meanwhile */
async function createMissing<T extends KubeObject>(
  parts: WriteParts<T>,
  ctx: RequestContext,
  namespace: string,
  name: string,
  options: UpdateOptions,
): Promise<UpdateResult<T> | undefined> {
  if (!options.createIfMissing || options.subresource) throw notFound(parts.definition, name);
  const fresh = clone(options.createIfMissing()) as T;
  checkName(fresh, name);
  // As in Kubernetes an update may carry the resourceVersion of what is gone.
  if (fresh.metadata?.resourceVersion) throw notFound(parts.definition, name);
  try {
    return { object: await createObject(parts, ctx, namespace, fresh, options), created: true };
  } catch (error) {
    if (isAlreadyExists(error)) return undefined;
    throw error;
  }
}

function checkName(object: KubeObject, name: string): void {
  const own = object.metadata?.name ?? '';
  if (own === '') throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  if (own !== name) throw badRequest(`the name of the object (${own}) does not match the name on the URL (${name})`);
}

async function admitChanged<T extends KubeObject>(
  { definition, admission, clock }: WriteParts<T>,
  ctx: RequestContext,
  namespace: string,
  name: string,
  draft: T,
  old: T,
  options: UpdateOptions,
  hold: Hold<T>,
): Promise<T> {
  const strategy = strategyOf(definition, options.subresource);
  const now = kubeTime(clock.wallMs());
  checkName(draft, name);
  draft.apiVersion = apiVersionOf(definition);
  draft.kind = definition.kind;
  const given = metadataOf(draft);
  const was = old.metadata ?? {};
  matchNamespace(definition, draft, namespace);
  if (!given.resourceVersion) {
    if (definition.allowUnconditionalUpdate === false) {
      const fault = invalid('metadata.resourceVersion', 0, 'must be specified for an update');
      throw invalidObject(definition.resource, definition.group, name, [fault]);
    }
    given.resourceVersion = was.resourceVersion ?? '';
  } else if (!/^\d+$/.test(given.resourceVersion)) {
    throw new StatusError(500, '', `strconv.ParseUint: parsing ${JSON.stringify(given.resourceVersion)}: invalid syntax`);
  } else if (given.resourceVersion !== was.resourceVersion) throw modified(definition, name);
  const owners = dropDuplicateOwners(draft);
  if (owners) ctx.warn(owners);
  if (!ctx.recovered) definition.strategy.default?.(draft);
  const object = tracked(definition, { ctx, live: old, object: draft, options, now });
  const metadata = metadataOf(object);
  const operation = options.subresource === 'binding' ? 'CREATE' : 'UPDATE';
  const attributes = admissionAttributes(definition, { ctx, operation, namespace, name, object, old, options });
  await admission.mutate(attributes);

  matchNamespace(definition, object, namespace);
  keepSystemFields(metadata, was);
  await hold.take(object, old, options.dryRun ?? false);
  strategy.prepareForUpdate?.(object, old, now);
  const faults = [
    ...validateMetadata(object, { namespaced: definition.namespaced }),
    // In a recovery an object becomes again the one that it was.
    ...validateMetadataUpdate(object, ctx.recovered ? { ...old, metadata: { ...was, uid: metadata.uid ?? '' } } : old),
    ...strategy.validateUpdate(object, old),
  ];
  refuseFaults(definition, name, faults);
  if (metadata.generation === undefined || metadata.generation !== was.generation)
    for (const warning of strategy.warnings?.(object) ?? []) ctx.warn(warning);
  await admission.validate(attributes);
  return object;
}

type Metadata = NonNullable<KubeObject['metadata']>;

/** What an update can neither set nor remove (apiserver, registry/rest BeforeUpdate). */
function keepSystemFields(metadata: Metadata, was: Readonly<Metadata>): void {
  if (was.generation === undefined) delete metadata.generation;
  else metadata.generation = was.generation;
  if (!metadata.uid && was.uid) metadata.uid = was.uid;
  if (was.creationTimestamp) metadata.creationTimestamp = was.creationTimestamp;
  if (was.deletionTimestamp) metadata.deletionTimestamp = was.deletionTimestamp;
  if (was.deletionGracePeriodSeconds !== undefined && metadata.deletionGracePeriodSeconds === undefined) {
    metadata.deletionGracePeriodSeconds = was.deletionGracePeriodSeconds;
  }
}

/** Whether this update removes the last thing a deletion was waiting for. */
function vanishes<T extends KubeObject>({ definition }: WriteParts<T>, object: T): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata ?? {};
  return deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && finalizers.length === 0 && !definition.finalizing?.(object);
}

/** Whether an update takes a finalizer off what is being deleted: it frees room, so it may use what is kept back for deleting. */
function isLettingGo({ metadata }: KubeObject, { metadata: was }: KubeObject): boolean {
  return metadata?.deletionTimestamp !== undefined && (metadata.finalizers?.length ?? 0) < (was?.finalizers?.length ?? 0);
}

/** An update that changes nothing but times in managedFields changes nothing. */
function sameButForTimes(object: KubeObject, old: KubeObject): boolean {
  const { metadata, ...rest } = object;
  const { metadata: was, ...oldRest } = old;
  if (!jsonEqual(rest, oldRest)) return false;
  const { managedFields, ...meta } = metadata ?? {};
  const { managedFields: oldManaged, ...oldMeta } = was ?? {};
  return jsonEqual(meta, oldMeta) && jsonEqual(timeless(managedFields), timeless(oldManaged));
}

function timeless(entries: readonly ManagedFieldsEntry[] | undefined): unknown {
  return (entries ?? []).map(({ time: _time, ...entry }) => entry);
}
