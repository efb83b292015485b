import type { KubeObject, ManagedFieldsEntry } from '@flotilla/shared/meta/object.js';
import { type Comparison, compare } from './compare.ts';
import { emptySet, type FieldSet } from './field-set.ts';
import {
  afterChange,
  decodeManagers,
  type Manager,
  type Managers,
  managerId,
  ownable,
  resetFields,
  withManagers,
  withoutManagers,
} from './managers.ts';
import { mergeTypeOf } from './merge-type.ts';

export interface ManagedUpdate<T extends KubeObject> {
  /** Undefined when the object is created. */
  readonly live: T | undefined;
  /** What is about to be stored; its own managedFields count when they are well formed, as clients may change them. */
  readonly object: T;
  /** The field manager: `kubectl-client-side-apply`, or the first word of the user agent. */
  readonly manager: string;
  /** `apps/v1` */
  readonly apiVersion: string;
  /** `io.k8s.api.apps.v1.Deployment` */
  readonly definition: string;
  /** Empty for the main resource. */
  readonly subresource?: string | undefined;
  /** Fields this write cannot change: `['status']` on the main resource and `['spec']` on status unless told. */
  readonly resetFields?: readonly (readonly string[])[];
  /** RFC 3339 to the second: `2026-01-01T00:00:00Z`. */
  readonly now: string;
}

const self = 'current-operation';
const maxUpdaters = 10;
const bucketName = 'ancient-changes';

/**
 * The object with its managedFields as every write but server-side apply leaves them (apimachinery, managedfields): the
 * writer owns what it added or changed, others lose what it took, and nothing moves where nothing changed. Neither object
 * changes in place.
 */
export function updateManagedFields<T extends KubeObject>(update: ManagedUpdate<T>): T {
  const { live, object, subresource = '' } = update;
  const managers = startingManagers(live, object, subresource !== '');
  const bare = withoutManagers(object);
  // An object whose fields nobody tracks is not tracked from the middle on: it has been asked to be left alone.
  if (managers.size === 0 && live?.metadata?.uid) return bare;
  return withManagers(bare, capped(trackedUpdate(managers, update)));
}

/** Managers after an update of `live` to `object`. */
export function trackedUpdate<T extends KubeObject>(managers: Managers, update: ManagedUpdate<T>): Managers {
  const { live, object, manager, apiVersion, subresource = '', now } = update;
  const ignored = resetFields(subresource, update.resetFields);
  const type = mergeTypeOf(update.definition);
  const change = filtered(compare(live ? withoutManagers(live) : {}, withoutManagers(object), type), ignored);
  const { managers: others } = afterChange(managers, self, change);
  const set = ownable(change.modified.union(change.added).recursiveDifference(ignored));
  if (set.empty) return others;
  const entry: Manager = { manager: manager || 'unknown', operation: 'Update', apiVersion, subresource, time: now, set };
  const id = managerId(entry);
  return new Map(others).set(id, { ...entry, set: set.union(others.get(id)?.set ?? emptySet) });
}

export function filtered(change: Comparison, ignored: FieldSet): Comparison {
  return {
    added: change.added.recursiveDifference(ignored),
    modified: change.modified.recursiveDifference(ignored),
    removed: change.removed.recursiveDifference(ignored),
  };
}

function startingManagers(live: KubeObject | undefined, object: KubeObject, isSubresource: boolean): Managers {
  const ofLive = (): Managers => decodeManagers(live?.metadata?.managedFields) ?? new Map();
  if (isSubresource) return ofLive();
  const sent = object.metadata?.managedFields;
  if (sent && isReset(sent)) return new Map();
  const managers = decodeManagers(sent);
  return managers && managers.size > 0 ? managers : ofLive();
}

/** An empty list, or one empty entry, asks for tracking to begin anew. */
function isReset(entries: readonly ManagedFieldsEntry[]): boolean {
  return entries.length === 0 || (entries.length === 1 && Object.keys(entries[0] ?? {}).length === 0);
}

/** Beyond ten updaters the oldest share one entry for each version. */
function capped(managers: Managers): Managers {
  const updaters = [...managers].filter(([, { operation }]) => operation === 'Update');
  let count = updaters.length;
  if (count <= maxUpdaters) return managers;
  updaters.sort(([a, { time: x = '' }], [b, { time: y = '' }]) => (x === y ? (a < b ? -1 : 1) : x < y ? -1 : 1));
  const result = new Map(managers);
  const firstOfVersion = new Map<string, string>();
  for (const [id, updater] of updaters) {
    if (count <= maxUpdaters) break;
    const first = firstOfVersion.get(updater.apiVersion);
    if (first === undefined) {
      firstOfVersion.set(updater.apiVersion, id);
      continue;
    }
    const shared: Manager = { ...updater, manager: bucketName, subresource: '' };
    const bucketId = managerId(shared);
    const bucket = result.get(bucketId) ?? result.get(first);
    if (!result.has(bucketId)) result.delete(first);
    result.delete(id);
    result.set(bucketId, { ...shared, set: updater.set.union(bucket?.set ?? emptySet) });
    count--;
  }
  return result;
}
