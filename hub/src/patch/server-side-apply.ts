import { badRequest, StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { compare } from './compare.ts';
import { emptySet, type FieldSet } from './field-set.ts';
import { isObject, jsonEqual } from './json-value.ts';
import { filtered, timeOf, trackedUpdate } from './managed-fields.ts';
import {
  afterChange,
  type Conflict,
  conflictError,
  decodeManagers,
  type Manager,
  type Managers,
  managerId,
  ownable,
  resetFields,
  withManagers,
  withoutManagers,
} from './managers.ts';
import { type MergeType, mergeTypeOf } from './merge-type.ts';
import { fieldsOf, mergeApplied, removePaths, withNamedFields } from './structured-merge.ts';

export interface ServerSideApply<T extends KubeObject> {
  /** Undefined when the object is created by being applied. */
  readonly live: T | undefined;
  /** The configuration, with fields of the schema only. */
  readonly applied: T;
  /** The field manager, which the client must name. */
  readonly manager: string;
  /** Takes fields from other managers instead of refusing. */
  readonly force?: boolean | undefined;
  /** `apps/v1` */
  readonly apiVersion: string;
  /** `io.k8s.api.apps.v1.Deployment` */
  readonly definition: string;
  readonly subresource?: string | undefined;
  /** As in `updateManagedFields`. */
  readonly resetFields?: readonly (readonly string[])[];
  /** RFC 3339 to the second. */
  readonly now: string;
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const beforeFirstApply = 'before-first-apply';

/**
 * The live object with the configuration applied and its managedFields brought up to date (KEP 555, structured-merge-diff):
 * fields the manager applied before and does not apply now go, unless somebody else owns them. Changes no argument; where
 * nothing changes, the result equals the live object.
 * @throws StatusError Conflict that names the other managers; BadRequest for a configuration that cannot be applied
 */
export function serverSideApply<T extends KubeObject>(apply: ServerSideApply<T>): T {
  const { applied, apiVersion, manager, live } = apply;
  if ((applied.apiVersion ?? apiVersion) !== apiVersion) {
    throw badRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${applied.apiVersion ?? ''}, expected: ${apiVersion}`,
    );
  }
  if (applied.metadata?.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
  const managers = trackedManagers(apply);
  const result = merged(apply, managers);
  // kubectl took over objects of its client-side apply: what the annotation says it applied is no conflict.
  const conflicts = manager === 'kubectl' && live ? withoutLastApplied(result.conflicts, live, apply) : result.conflicts;
  if (conflicts.length > 0 && !apply.force) throw conflictError(conflicts);
  return withManagers(manager === 'kubectl' ? withLastApplied(result.object, applied) : result.object, result.managers);
}

function trackedManagers<T extends KubeObject>({ live, manager: _manager, ...rest }: ServerSideApply<T>): Managers {
  const managers = decodeManagers(live?.metadata?.managedFields) ?? new Map();
  if (managers.size > 0 || !live) return managers;
  return trackedUpdate(managers, { ...rest, live: undefined, object: live, manager: beforeFirstApply });
}

interface Merged<T> {
  readonly object: T;
  readonly managers: Managers;
  readonly conflicts: readonly Conflict[];
}

function merged<T extends KubeObject>(apply: ServerSideApply<T>, before: Managers): Merged<T> {
  const { apiVersion, manager, subresource = '', now } = apply;
  const live = withoutManagers(apply.live ?? ({} as T));
  const type = mergeTypeOf(apply.definition);
  const ignored = resetFields(subresource, apply.resetFields);
  const set = fieldsOf(apply.applied, type).recursiveDifference(ignored);
  const entry: Manager = { manager, operation: 'Apply', apiVersion, subresource, time: timeOf(subresource, now), set };
  const id = managerId(entry);
  const last = before.get(id);
  const all = new Map(before).set(id, entry);
  const object = pruned(mergeApplied(live, apply.applied, type), all, last?.set ?? emptySet, type) as T;
  const change = filtered(compare(live, object, type), ignored);
  // What others own and was only emptied is still theirs.
  const { managers: others, conflicts } = afterChange(all, id, { ...change, removed: change.removed.leaves() });
  const owned = ownable(set);
  const managers = new Map(others);
  if (owned.empty) managers.delete(id);
  // Who changes nothing keeps the time of the last change.
  else
    managers.set(
      id,
      jsonEqual(live, object)
        ? { ...entry, time: last?.time, set: last && owned.equals(last.set) ? last.set : owned }
        : { ...entry, set: owned },
    );
  return { object, managers, conflicts };
}

/** Takes away what the manager applied last time and not this time, where nobody else holds it. */
function pruned(object: unknown, managers: Managers, last: FieldSet, type: MergeType): unknown {
  if (last.empty) return object;
  const lastNamed = withNamedFields(last, type);
  const all = withNamedFields(presentIn(object, type), type);
  const owned = withNamedFields(
    [...managers.values()].reduce((union, { set }) => union.union(set), emptySet),
    type,
  );
  const without = (value: unknown): FieldSet => withNamedFields(presentIn(value, type), type);
  const stripped = removePaths(object, lastNamed, type) ?? {};
  const restored = removePaths(object, all.difference(without(stripped).union(owned)), type) ?? {};
  return removePaths(object, all.difference(without(restored)).intersection(lastNamed), type) ?? {};
}

/** All paths of an object that may hold a key twice: what an old write left is not the applier's fault. */
function presentIn(object: unknown, type: MergeType): FieldSet {
  return compare(undefined, object, type).added;
}

function withoutLastApplied<T extends KubeObject>(
  conflicts: readonly Conflict[],
  live: KubeObject,
  { apiVersion, definition }: ServerSideApply<T>,
): readonly Conflict[] {
  const text = live.metadata?.annotations?.[lastApplied];
  if (!text || conflicts.length === 0) return conflicts;
  const config = parsed(text);
  if (!isObject(config) || config['apiVersion'] !== apiVersion) return conflicts;
  const type = mergeTypeOf(definition);
  try {
    const change = compare(config, live, type);
    const allowed = fieldsOf(config, type).difference(change.modified).difference(change.added).difference(change.removed);
    const left = conflicts.map(({ manager, set }) => ({ manager, set: set.difference(allowed) }));
    return left.filter(({ set }) => !set.empty);
  } catch (error) {
    if (error instanceof StatusError) return conflicts;
    throw error;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Keeps the annotation of client-side apply in step, so that going back to it works. */
function withLastApplied<T extends KubeObject>(object: T, applied: T): T {
  const { annotations } = object.metadata ?? {};
  if (!annotations?.[lastApplied]) return object;
  const { [lastApplied]: _old, ...others } = applied.metadata?.annotations ?? {};
  const metadata = { ...applied.metadata, annotations: others };
  const config = { ...applied, metadata: Object.keys(others).length > 0 ? metadata : withoutAnnotations(metadata) };
  return { ...object, metadata: { ...object.metadata, annotations: { ...annotations, [lastApplied]: `${JSON.stringify(config)}\n` } } };
}

function withoutAnnotations({ annotations: _none, ...metadata }: { annotations: object }): object {
  return metadata;
}
