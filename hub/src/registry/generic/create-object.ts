import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { alreadyExists, StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { nameSuffix } from '@flotilla/shared/platform/random.js';
import { validateMetadata } from '#registry/validation/metadata.ts';
import type { CachedObject } from '#store/cache.ts';
import type { Fence } from '#store/contract.ts';
import { clone, jsonEqual } from './json.ts';
import { objectPath } from './keys.ts';
import { metadataOf } from './object-meta.ts';
import type { RequestContext, WriteRequestOptions } from './types.ts';
import {
  admissionAttributes,
  apiVersionOf,
  detached,
  Hold,
  matchNamespace,
  maxAttempts,
  refuseFaults,
  tracked,
  type WriteParts,
  writing,
} from './write-parts.ts';

const maxNameAttempts = 8;
/** What a generated name may be long at most, its suffix included. */
const maxGeneratedLength = 63;
const suffixLength = 5;

/** The create half of the write path. @throws StatusError */
export async function createObject<T extends KubeObject>(
  parts: WriteParts<T>,
  ctx: RequestContext,
  namespace: string,
  input: T,
  options: WriteRequestOptions & { operation?: 'Apply' | 'Update' } = {},
): Promise<CachedObject<T>> {
  const generated = Boolean(input.metadata?.generateName) && !input.metadata?.name;
  let names = 0;
  for (let attempt = 1; ; attempt++) {
    ctx.signal?.throwIfAborted();
    const hold = new Hold<T>(parts);
    try {
      const object = await (ctx.recovered ? admitRecovered : admitNew)(parts, ctx, namespace, clone(input), options, hold);
      const stored = await storeNew(parts, object, options.dryRun ?? false, hold.fence);
      if (stored) return stored;
      const name = object.metadata?.name ?? '';
      if (!generated) throw taken(parts, object, name);
      if (++names >= maxNameAttempts) throw generateNameConflict(parts, name);
    } catch (error) {
      if (attempt >= maxAttempts || !hold.isOutdated(error)) throw error;
    } finally {
      hold.end();
    }
  }
}

/** Everything before the store: default → managed fields → mutating admission → strategy → validation → validating admission. */
async function admitNew<T extends KubeObject>(
  { definition, clock, random, admission }: WriteParts<T>,
  ctx: RequestContext,
  namespace: string,
  draft: T,
  options: WriteRequestOptions & { operation?: 'Apply' | 'Update' },
  hold: Hold<T>,
): Promise<T> {
  draft.apiVersion = apiVersionOf(definition);
  draft.kind = definition.kind;
  matchNamespace(definition, draft, namespace);
  const given = metadataOf(draft);
  for (const field of ['creationTimestamp', 'uid', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink'] as const) {
    delete given[field];
  }
  const now = kubeTime(clock.wallMs());
  const owners = dropDuplicateOwners(draft);
  if (owners) ctx.warn(owners);
  definition.strategy.default?.(draft);
  const object = tracked(definition, { ctx, live: undefined, object: draft, options, now });
  const metadata = metadataOf(object);
  const about = { ctx, operation: 'CREATE', namespace, object, old: undefined, options } as const;
  await admission.mutate(admissionAttributes(definition, { ...about, name: metadata.name ?? '' }));

  metadata.creationTimestamp = now;
  metadata.uid = random.uuid();
  if (metadata.generateName && !metadata.name) {
    metadata.name = `${metadata.generateName.slice(0, maxGeneratedLength - suffixLength)}${nameSuffix(random, suffixLength)}`;
  }
  matchNamespace(definition, object, namespace);
  await hold.take(object, undefined, options.dryRun ?? false);
  definition.strategy.prepareForCreate?.(object, now);
  const name = metadata.name ?? '';
  refuseFaults(definition, name, definition.strategy.validate(object));
  refuseFaults(definition, name, validateMetadata(object, { namespaced: definition.namespaced }));
  for (const warning of definition.strategy.warnings?.(object) ?? []) ctx.warn(warning);
  await admission.validate(admissionAttributes(definition, { ...about, name }));
  return object;
}

/**
 * An object that was admitted once and is to be again what it was: validated, and refused where it has no place any more, but not
 * changed by defaults or mutating admission.
 */
async function admitRecovered<T extends KubeObject>(
  { definition, clock, admission }: WriteParts<T>,
  ctx: RequestContext,
  namespace: string,
  draft: T,
  options: WriteRequestOptions,
  hold: Hold<T>,
): Promise<T> {
  draft.apiVersion = apiVersionOf(definition);
  draft.kind = definition.kind;
  matchNamespace(definition, draft, namespace);
  const given = metadataOf(draft);
  const name = given.name ?? '';
  if (!given.uid) throw new StatusError(500, '', 'an object that is recovered has a uid');
  for (const field of ['resourceVersion', 'selfLink', 'managedFields'] as const) delete given[field];
  const now = kubeTime(clock.wallMs());
  given.creationTimestamp ??= now;
  const object = tracked(definition, { ctx, live: undefined, object: draft, options, now });
  await hold.take(object, undefined, options.dryRun ?? false);
  refuseFaults(definition, name, definition.strategy.validate(object));
  refuseFaults(definition, name, validateMetadata(object, { namespaced: definition.namespaced }));
  const about = { ctx, operation: 'CREATE', namespace, object, old: undefined, options } as const;
  await admission.validate(admissionAttributes(definition, { ...about, name }));
  return object;
}

async function storeNew<T extends KubeObject>(
  parts: WriteParts<T>,
  object: T,
  dryRun: boolean,
  fence: Fence | undefined,
): Promise<CachedObject<T> | undefined> {
  const { definition, cache } = parts;
  const key = objectPath(definition, object.metadata?.namespace ?? '', object.metadata?.name ?? '');
  if (cache.get(key)) return undefined;
  if (dryRun) return detached(key, object);
  if (object.metadata?.resourceVersion) throw new StatusError(500, '', 'resourceVersion should not be set on objects to be created');
  return writing(() => cache.create(key, object, { ttlSeconds: definition.ttlSeconds, fence }));
}

function taken({ definition, cache }: WriteParts, object: KubeObject, name: string): StatusError {
  const standing = cache.get(objectPath(definition, object.metadata?.namespace ?? '', name));
  const refusal = alreadyExists(definition, name);
  if (!standing?.object.metadata?.deletionTimestamp) return refusal;
  return new StatusError(refusal.code, refusal.reason, `object is being deleted: ${refusal.message}`, refusal.details);
}

function generateNameConflict({ definition }: Pick<WriteParts, 'definition'>, name: string): StatusError {
  const { group, resource } = definition;
  const title = group ? `${resource}.${group}` : resource;
  const message = `${title} ${JSON.stringify(name)} already exists, the server was not able to generate a unique name for the object`;
  return new StatusError(409, 'AlreadyExists', message, { name, ...(group ? { group } : {}), kind: resource, retryAfterSeconds: 1 });
}

/** Removes owners that are named twice; answers with Kubernetes' warning when there were any. */
export function dropDuplicateOwners(object: KubeObject): string | undefined {
  const owners = object.metadata?.ownerReferences;
  if (!owners) return undefined;
  const kept = owners.filter((owner, index) => !owners.slice(0, index).some((earlier) => jsonEqual(earlier, owner)));
  if (kept.length === owners.length) return undefined;
  const uids = owners.filter((owner) => !kept.includes(owner)).map(({ uid }) => uid);
  metadataOf(object).ownerReferences = kept;
  return `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${[...new Set(uids)].join(', ')}`;
}
