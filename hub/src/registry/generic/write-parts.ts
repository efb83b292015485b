import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { describeFieldError, invalidObject } from '@flotilla/shared/errors/field.js';
import { badRequest, StatusError, tooManyRequests, unavailable } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { updateManagedFields } from '#patch/managed-fields.ts';
import { encodeJson } from '#registry/decode/json-encode.ts';
import type { CachedObject } from '#store/cache.ts';
import { type Fence, StoreBusyError, StoreUnavailableError } from '#store/contract.ts';
import type { WatchCache } from '#store/watch-cache.ts';
import { FencedError, RevisionConflictError } from '#store/write-errors.ts';
import { type Allocation, type Allocator, nothingAllocated } from './allocation.ts';
import { deepFreeze } from './json.ts';
import { metadataOf } from './object-meta.ts';
import type { Admission, AdmissionAttributes, RequestContext, ResourceDefinition, Strategy, UpdateOptions } from './types.ts';

/** What the write path of one resource works with. */
export interface WriteParts<T extends KubeObject = KubeObject> {
  readonly definition: ResourceDefinition<T>;
  readonly cache: WatchCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly admission: Admission;
  /** Gives out what no two objects of the kind may have. */
  readonly allocator?: Allocator<T> | undefined;
}

/** What one attempt of a write took, from the moment it was taken until the attempt is over. */
export class Hold<T extends KubeObject = KubeObject> {
  readonly #allocator: Allocator<T> | undefined;
  #allocation: Allocation = nothingAllocated;

  constructor({ allocator }: Pick<WriteParts<T>, 'allocator'>) {
    this.#allocator = allocator;
  }

  get fence(): Fence | undefined {
    return this.#allocation.fence;
  }

  async take(object: T, old: T | undefined, dryRun: boolean): Promise<void> {
    if (this.#allocator) this.#allocation = await this.#allocator.begin(object, old, dryRun);
  }

  /** Whether the write failed only because another hub gave something out meanwhile. */
  isOutdated(error: unknown): boolean {
    return this.fence !== undefined && error instanceof StatusError && error.cause instanceof FencedError;
  }

  end(): void {
    this.#allocation.end();
  }
}

/** Attempts against others who write the same object; whoever loses that often is told of a conflict. */
export const maxAttempts = 100;

export function apiVersionOf({ group, version }: Pick<ResourceDefinition, 'group' | 'version'>): string {
  return group ? `${group}/${version}` : version;
}

/** The field manager as Kubernetes derives it: the one that is named, else the user agent up to its first slash. */
function managerOf(ctx: RequestContext, fieldManager: string | undefined): string {
  return fieldManager || (ctx.userAgent ?? '').split('/')[0] || 'unknown';
}

export interface Tracked<T extends KubeObject> {
  readonly ctx: RequestContext;
  readonly live: T | undefined;
  readonly object: T;
  readonly options: Pick<UpdateOptions, 'fieldManager' | 'operation' | 'subresource'>;
  /** RFC 3339. */
  readonly now: string;
}

/**
 * The object with its managedFields as this write leaves them. Server-side apply has worked them out itself; a binding is the
 * hub's own doing and changes no owner.
 */
export function tracked<T extends KubeObject>(definition: ResourceDefinition<T>, { ctx, live, object, options, now }: Tracked<T>): T {
  const { subresource, operation, fieldManager } = options;
  if (operation === 'Apply' || subresource === 'binding') return object;
  const manager = managerOf(ctx, fieldManager);
  try {
    return updateManagedFields({
      live,
      object,
      manager,
      apiVersion: apiVersionOf(definition),
      definition: definition.schema,
      subresource,
      now,
    });
  } catch (error) {
    // What does not fit its schema keeps the owners it has; validation says what is wrong with it.
    if (error instanceof StatusError) return object;
    throw error;
  }
}

/** The strategy of a subresource, or of the kind. @throws StatusError NotFound for a subresource the kind does not have */
export function strategyOf<T extends KubeObject>(definition: ResourceDefinition<T>, subresource: string | undefined): Strategy<T> {
  if (!subresource) return definition.strategy;
  const found = definition.subresources?.find(({ name }) => name === subresource);
  if (!found) throw new StatusError(404, 'NotFound', 'the server could not find the requested resource');
  return found.strategy ?? definition.strategy;
}

/** Gives the object the namespace of the request. @throws StatusError BadRequest when it names another */
export function matchNamespace(definition: ResourceDefinition, object: KubeObject, namespace: string): void {
  const metadata = metadataOf(object);
  if (!definition.namespaced) delete metadata.namespace;
  else if (!metadata.namespace) metadata.namespace = namespace;
  else if (metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}

/** @throws StatusError Invalid when there are faults; each is told once */
export function refuseFaults(definition: Pick<ResourceDefinition, 'kind' | 'group'>, name: string, faults: readonly FieldError[]): void {
  if (faults.length === 0) return;
  const once = new Map(faults.map((fault) => [describeFieldError(fault), fault]));
  throw invalidObject(definition.kind, definition.group, name, [...once.values()]);
}

export interface Admitted {
  readonly ctx: RequestContext;
  readonly operation: AdmissionAttributes['operation'];
  readonly namespace: string;
  readonly name: string;
  readonly object: KubeObject | undefined;
  readonly old: KubeObject | undefined;
  readonly options: Pick<UpdateOptions, 'subresource' | 'dryRun' | 'createIfMissing'>;
}

export function admissionAttributes(definition: ResourceDefinition, admitted: Admitted): AdmissionAttributes {
  const { ctx, operation, namespace, name, object, old, options } = admitted;
  const { dryRun = false, subresource = '' } = options;
  const named = operation === 'CREATE' && options.createIfMissing !== undefined;
  return { ctx, operation, definition, subresource, namespace, name, object, old, dryRun, ...(named ? { named } : {}) };
}

/** An answer that was never stored (dry run, the last state of what was deleted by an update). */
export function detached<T extends KubeObject>(key: string, object: T, revision = 0): CachedObject<T> {
  const frozen = deepFreeze(object);
  return { key, object: frozen, revision, json: () => encodeJson(frozen) };
}

/**
 * Runs a write. Undefined when somebody else was faster; what the store cannot take becomes the StatusError that tells the
 * client to come again.
 */
export async function writing<R>(write: () => Promise<R>): Promise<R | undefined> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof RevisionConflictError) return undefined;
    if (error instanceof StoreBusyError) throw tooManyRequests(error.message, 1);
    if (error instanceof StoreUnavailableError || error instanceof FencedError) throw unavailable(error.message, { cause: error });
    throw error;
  }
}
