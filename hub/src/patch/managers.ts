import { StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject, ManagedFieldsEntry } from '@flotilla/shared/meta/object.js';
import type { Comparison } from './compare.ts';
import { decodeFieldSet, emptySet, encodeFieldSet, type FieldSet, printPath, setOf } from './field-set.ts';

/** Who owns which fields of an object: `metadata.managedFields`, taken apart. */
export interface Manager {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly set: FieldSet;
}

/** Managers by what tells them apart; never changed in place. */
export type Managers = ReadonlyMap<string, Manager>;

/** Sets of frozen entries and entries of sets: both stay as they are, and most writes leave most managers alone. */
const decoded = new WeakMap<object, FieldSet>();
const encoded = new WeakMap<FieldSet, object>();

const numbers = new WeakMap<FieldSet, number>();
let lastNumber = 0;

/** A number of the set's own: what holds for a set holds wherever its number is met again. */
export function numberOf(set: FieldSet): number {
  let number = numbers.get(set);
  if (number === undefined) {
    number = ++lastNumber;
    numbers.set(set, number);
  }
  return number;
}

/** The set's written form, frozen and the same each time. */
function fieldsOf(set: FieldSet): object {
  const known = encoded.get(set);
  if (known) return known;
  const fields = freezeFields(encodeFieldSet(set));
  decoded.set(fields, set);
  encoded.set(set, fields);
  return fields;
}

function freezeFields(fields: object): object {
  for (const member of Object.values(fields)) if (typeof member === 'object' && member !== null) freezeFields(member);
  return Object.freeze(fields);
}

function setOfFields(fields: object): FieldSet {
  const known = decoded.get(fields);
  if (known) return known;
  const set = decodeFieldSet(fields);
  if (Object.isFrozen(fields)) {
    decoded.set(fields, set);
    encoded.set(set, fields);
  }
  return set;
}

/** An applier is the same in every version of the API. */
export function managerId({ manager, operation, apiVersion, subresource }: Omit<Manager, 'set' | 'time'>): string {
  return JSON.stringify({
    manager,
    operation,
    ...(operation === 'Apply' ? {} : { apiVersion }),
    ...(subresource ? { subresource } : {}),
  });
}

/** Undefined where the entries are not well formed: Kubernetes then takes those of the live object. */
export function decodeManagers(entries: readonly ManagedFieldsEntry[] | undefined): Managers | undefined {
  const managers = new Map<string, Manager>();
  for (const { manager = '', operation, apiVersion, subresource = '', time, fieldsType, fieldsV1 } of entries ?? []) {
    if ((operation !== 'Apply' && operation !== 'Update') || !apiVersion || fieldsType !== 'FieldsV1') return undefined;
    try {
      const entry: Manager = { manager, operation, apiVersion, subresource, time, set: setOfFields(fieldsV1 ?? {}) };
      managers.set(managerId(entry), entry);
    } catch (error) {
      if (error instanceof StatusError) return undefined;
      throw error;
    }
  }
  return managers;
}

const by = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

/** In Kubernetes' order: operation, time, manager, version, subresource. */
function encodeManagers(managers: Managers): ManagedFieldsEntry[] {
  const ordered = [...managers.values()].sort(
    (a, b) =>
      by(a.operation, b.operation) ||
      by(a.time ?? '', b.time ?? '') ||
      by(a.manager, b.manager) ||
      by(a.apiVersion, b.apiVersion) ||
      by(a.subresource, b.subresource),
  );
  return ordered.map(({ manager, operation, apiVersion, time, set, subresource }) => ({
    manager,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: fieldsOf(set),
    ...(subresource ? { subresource } : {}),
  }));
}

/** A copy of the object with these managers. */
export function withManagers<T extends KubeObject>(object: T, managers: Managers): T {
  const { managedFields: _old, ...metadata } = object.metadata ?? {};
  const entries = encodeManagers(managers);
  return { ...object, metadata: entries.length > 0 ? { ...metadata, managedFields: entries } : metadata };
}

export function withoutManagers<T extends KubeObject>(object: T): T {
  if (!object.metadata || !Object.hasOwn(object.metadata, 'managedFields')) return object;
  const { managedFields: _old, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Fields that nobody owns. */
const unowned = setOf(
  ['f:apiVersion'],
  ['f:kind'],
  ['f:metadata'],
  ...['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion'].map(
    (field) => ['f:metadata', `f:${field}`],
  ),
);

export const ownable = (set: FieldSet): FieldSet => set.difference(unowned);

/** Paths that a write of this subresource does not change, and so does not own. */
export function resetFields(subresource: string, paths?: readonly (readonly string[])[]): FieldSet {
  if (paths) return setOf(...paths.map((path) => path.map((name) => `f:${name}`)));
  if (subresource === '') return setOf(['f:status']);
  if (subresource === 'finalize') return setOf(['f:status'], ['f:metadata']);
  return subresource === 'status' ? setOf(['f:spec']) : emptySet;
}

export interface Conflict {
  readonly manager: Manager;
  readonly set: FieldSet;
}

/** The managers other than `self` after a change: who held what was changed or removed holds it no longer. */
export function afterChange(managers: Managers, self: string, change: Comparison): { managers: Managers; conflicts: Conflict[] } {
  const conflicts: Conflict[] = [];
  const result = new Map<string, Manager>();
  const taken = change.modified.union(change.added);
  for (const [id, manager] of managers) {
    if (id === self) {
      result.set(id, manager);
      continue;
    }
    const conflict = manager.set.intersection(taken);
    if (!conflict.empty) conflicts.push({ manager, set: conflict });
    const set = manager.set.difference(conflict).difference(change.removed);
    if (!set.empty) result.set(id, set === manager.set ? manager : { ...manager, set });
  }
  return { managers: result, conflicts };
}

/** The 409 of server-side apply, in Kubernetes' words. */
export function conflictError(conflicts: readonly Conflict[]): StatusError {
  const ordered = [...conflicts].sort((a, b) => by(managerId(a.manager), managerId(b.manager)));
  const all = ordered.flatMap(({ manager, set }) =>
    [...set.paths()].map((path) => ({ name: printManager(manager), path: printPath(path) })),
  );
  const lines = ordered.flatMap(({ manager, set }) => [
    `conflicts with ${printManager(manager)}:`,
    ...[...set.paths()].map((path) => `- ${printPath(path)}`),
  ]);
  const first = all[0];
  const message =
    all.length === 1 && first
      ? `Apply failed with 1 conflict: conflict with ${first.name}: ${first.path}`
      : `Apply failed with ${all.length} conflicts: ${lines.join('\n')}`;
  return new StatusError(409, 'Conflict', message, {
    causes: all.map(({ name, path }) => ({ reason: 'FieldManagerConflict', message: `conflict with ${name}`, field: path })),
  });
}

function printManager({ manager, operation, apiVersion, subresource }: Manager): string {
  const name = JSON.stringify(manager) + (subresource ? ` with subresource ${JSON.stringify(subresource)}` : '');
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}
