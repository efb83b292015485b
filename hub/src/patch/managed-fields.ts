import type { KubeObject, ManagedFieldsEntry } from '@flotilla/shared/meta/object.js';
import { type Comparison, changeText, compare } from './compare.ts';
import { emptySet, type FieldSet } from './field-set.ts';
import {
  afterChange,
  decodeManagers,
  type Manager,
  type Managers,
  managerId,
  numberOf,
  ownable,
  resetFields,
  withManagers,
  withoutManagers,
} from './managers.ts';
import { mergeTypeOf } from './merge-type.ts';
import { RecentAnswers } from './recent-answers.ts';

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
const scale = 'scale';

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
  // A scale has the owners of the replicas, and none where nobody owns them.
  if (subresource === scale && live && !ownsReplicas(managers)) return withManagers(bare, managers);
  return withManagers(bare, capped(trackedUpdate(managers, update)));
}

/** What an update leaves of the managers' sets: of each manager by its id, and the id of the writer where it owns something new. */
interface Outcome {
  readonly sets: ReadonlyMap<string, FieldSet>;
  readonly writer: string | undefined;
}

/** Writes of one kind of object by one manager mostly change the same fields. */
const outcomes = new RecentAnswers<Outcome>(512);
const longestText = 16 * 1024;

/** Managers after an update of `live` to `object`. */
export function trackedUpdate<T extends KubeObject>(managers: Managers, update: ManagedUpdate<T>): Managers {
  const { apiVersion, subresource = '', now } = update;
  const { sets, writer } = outcomeOf(managers, update);
  const result = new Map<string, Manager>();
  for (const [id, set] of sets) {
    const before = managers.get(id);
    if (id === writer)
      result.set(id, {
        manager: update.manager || 'unknown',
        operation: 'Update',
        apiVersion,
        subresource,
        time: timeOf(subresource, now),
        set,
      });
    else if (before) result.set(id, before.set === set ? before : { ...before, set });
  }
  return result;
}

/** When an entry was written; through a scale Kubernetes does not say. */
export function timeOf(subresource: string, now: string): string | undefined {
  return subresource === scale ? undefined : now;
}

/** A scale does not show that there are no replicas, so nobody owns that. */
function asScaled(object: KubeObject): KubeObject {
  const { spec } = object as { spec?: { replicas?: number } };
  if (spec?.replicas !== 0) return object;
  const { replicas: _none, ...rest } = spec;
  return { ...object, spec: rest } as KubeObject;
}

const ownsReplicas = (managers: Managers): boolean => [...managers.values()].some(({ set }) => set.below('f:spec').has('f:replicas'));

/** It depends on what the managers own, who writes, and which paths change: not on the values, nor on the time. */
function outcomeOf<T extends KubeObject>(managers: Managers, update: ManagedUpdate<T>): Outcome {
  const { live, object, manager, apiVersion, definition, subresource = '' } = update;
  const type = mergeTypeOf(definition);
  const seen = (whole: KubeObject): KubeObject => (subresource === scale ? asScaled(withoutManagers(whole)) : withoutManagers(whole));
  const [before, after] = [live ? seen(live) : {}, seen(object)];
  const change = changeText(before, after, type);
  if (change.length > longestText || update.resetFields) return workOut(managers, update, compare(before, after, type));
  let key = `${definition} ${apiVersion} ${subresource} ${manager.length} ${manager}`;
  for (const [id, { set }] of managers) key += `\n${id} ${numberOf(set)}`;
  key += `\n${change}`;
  let outcome = outcomes.get(key);
  if (!outcome) {
    outcome = workOut(managers, update, compare(before, after, type));
    outcomes.set(inOnePiece(key), outcome);
  }
  return outcome;
}

/** What `+=` made is a tree of its parts, at 32 bytes each for as long as it is kept. */
function inOnePiece(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}

function workOut<T extends KubeObject>(managers: Managers, update: ManagedUpdate<T>, compared: Comparison): Outcome {
  const { manager, apiVersion, subresource = '' } = update;
  const ignored = resetFields(subresource, update.resetFields);
  const change = filtered(compared, ignored);
  const { managers: others } = afterChange(managers, self, change);
  const sets = new Map([...others].map(([id, { set }]) => [id, set]));
  const set = ownable(change.modified.union(change.added).recursiveDifference(ignored));
  if (set.empty) return { sets, writer: undefined };
  const writer = managerId({ manager: manager || 'unknown', operation: 'Update', apiVersion, subresource });
  return { sets: sets.set(writer, set.union(sets.get(writer) ?? emptySet)), writer };
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
