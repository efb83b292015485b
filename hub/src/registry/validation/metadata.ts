import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, invalid, required, tooLong } from '@flotilla/shared/errors/field.js';
import type { KubeObject, LabelSelector, ManagedFieldsEntry, ObjectMeta, OwnerReference } from '@flotilla/shared/meta/object.js';
import type { NameRule } from './names.ts';
import { byteLength, dnsLabel, labelValueFaults, pathSegment, qualifiedName } from './names.ts';

/** All annotations of an object together, keys included, in bytes. */
export const annotationsLimitBytes = 256 * 1024;
const fieldManagerLimitBytes = 128;
const subresourceLimitBytes = 256;

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

const standardFinalizers: ReadonlySet<string> = new Set([orphanFinalizer, foregroundFinalizer, 'kubernetes']);

export interface MetadataRules {
  readonly namespaced: boolean;
  /** The rule of the kind; only what a URL can carry when left out. */
  readonly name?: NameRule;
}

/** The metadata of an object that shall be stored (apimachinery, api/validation ValidateObjectMeta); names are generated already. */
export function validateMetadata(object: KubeObject, rules: MetadataRules, path = 'metadata'): FieldError[] {
  const meta = object.metadata ?? {};
  const rule = rules.name ?? pathSegment;
  const faults: FieldError[] = [];
  if (meta.generateName)
    faults.push(...rule(meta.generateName, true).map((why) => invalid(`${path}.generateName`, meta.generateName, why)));
  if (!meta.name) faults.push(required(`${path}.name`, 'name or generateName is required'));
  else faults.push(...rule(meta.name, false).map((why) => invalid(`${path}.name`, meta.name, why)));
  faults.push(...validateNamespaceField(meta, rules.namespaced, path));
  if ((meta.generation ?? 0) < 0) faults.push(invalid(`${path}.generation`, meta.generation, 'must be greater than or equal to 0'));
  faults.push(...validateCommon(meta, path));
  faults.push(...validateFinalizers(meta.finalizers ?? [], `${path}.finalizers`));
  return faults;
}

function validateNamespaceField(meta: ObjectMeta, namespaced: boolean, path: string): FieldError[] {
  if (!namespaced) return meta.namespace ? [forbiddenField(`${path}.namespace`, 'not allowed on this type')] : [];
  if (!meta.namespace) return [required(`${path}.namespace`)];
  return dnsLabel(meta.namespace).map((why) => invalid(`${path}.namespace`, meta.namespace, why));
}

/** What no update may change, and what holds for the metadata of every update. */
export function validateMetadataUpdate(object: KubeObject, old: KubeObject, path = 'metadata'): FieldError[] {
  const [meta, was] = [object.metadata ?? {}, old.metadata ?? {}];
  const faults: FieldError[] = [];
  if (was.deletionTimestamp) {
    const added = (meta.finalizers ?? []).filter((finalizer) => !was.finalizers?.includes(finalizer)).sort();
    if (added.length > 0) {
      const shown = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
      const why = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${shown}}`;
      faults.push(forbiddenField(`${path}.finalizers`, why));
    }
  }
  if ((meta.generation ?? 0) < (was.generation ?? 0))
    faults.push(invalid(`${path}.generation`, meta.generation ?? 0, 'must not be decremented'));
  for (const field of ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if ((meta[field] ?? '') !== (was[field] ?? '')) faults.push(invalid(`${path}.${field}`, meta[field], 'field is immutable'));
  }
  faults.push(...validateCommon(meta, path));
  return faults;
}

function validateCommon(meta: ObjectMeta, path: string): FieldError[] {
  return [
    ...validateLabels(meta.labels, `${path}.labels`),
    ...validateAnnotations(meta.annotations, `${path}.annotations`),
    ...validateOwnerReferences(meta.ownerReferences ?? [], `${path}.ownerReferences`),
    ...validateManagedFields(meta.managedFields ?? [], `${path}.managedFields`),
  ];
}

export function validateLabels(labels: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...qualifiedName(key).map((why) => invalid(path, key, why)),
    ...labelValueFaults(value).map((why) => invalid(path, value, why)),
  ]);
}

export function validateAnnotations(annotations: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  let bytes = 0;
  const faults: FieldError[] = [];
  for (const [key, value] of Object.entries(annotations ?? {})) {
    faults.push(...qualifiedName(key.toLowerCase()).map((why) => invalid(path, key, why)));
    bytes += byteLength(key) + byteLength(value);
  }
  if (bytes > annotationsLimitBytes) faults.push(tooLong(path, annotationsLimitBytes));
  return faults;
}

function validateOwnerReferences(owners: readonly OwnerReference[], path: string): FieldError[] {
  const faults: FieldError[] = [];
  let controller: string | undefined;
  for (const owner of owners) {
    const version = owner.apiVersion?.split('/') ?? [];
    if (version.length > 2 || !version.at(-1))
      faults.push(invalid(`${path}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty'));
    for (const field of ['kind', 'name', 'uid'] as const) {
      if (!owner[field]) faults.push(invalid(`${path}.${field}`, owner[field] ?? '', 'must not be empty'));
    }
    if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
      faults.push(invalid(path, owner, '/v1, Kind=Event is disallowed from being an owner'));
    }
    if (!owner.controller) continue;
    const title = `${owner.kind}/${owner.name}`;
    if (controller !== undefined) {
      const why = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${title}`;
      faults.push(invalid(path, owners, why));
    }
    controller ??= title;
  }
  return faults;
}

function validateFinalizers(finalizers: readonly string[], path: string): FieldError[] {
  const faults = finalizers.flatMap((finalizer, index) => [
    ...qualifiedName(finalizer).map((why) => invalid(path, finalizer, why)),
    ...(finalizer.includes('/') || standardFinalizers.has(finalizer)
      ? []
      : [invalid(`${path}[${index}]`, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')]),
  ]);
  if (finalizers.includes(orphanFinalizer) && finalizers.includes(foregroundFinalizer)) {
    faults.push(invalid(path, finalizers, `finalizer ${orphanFinalizer} and ${foregroundFinalizer} cannot be both set`));
  }
  return faults;
}

function validateManagedFields(entries: readonly ManagedFieldsEntry[], path: string): FieldError[] {
  return entries.flatMap((entry, index) => {
    const at = `${path}[${index}]`;
    const faults: FieldError[] = [];
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') {
      faults.push(invalid(`${at}.operation`, entry.operation ?? '', 'must be `Apply` or `Update`'));
    }
    if (entry.fieldsType !== undefined && entry.fieldsType !== 'FieldsV1') {
      faults.push(invalid(`${at}.fieldsType`, entry.fieldsType, 'must be `FieldsV1`'));
    }
    if (byteLength(entry.manager ?? '') > fieldManagerLimitBytes) faults.push(tooLong(`${at}.manager`, fieldManagerLimitBytes));
    if (byteLength(entry.subresource ?? '') > subresourceLimitBytes) faults.push(tooLong(`${at}.subresource`, subresourceLimitBytes));
    return faults;
  });
}

/** A `metav1.LabelSelector` as workloads and affinities carry it. */
export function validateLabelSelector(selector: LabelSelector | undefined, path: string): FieldError[] {
  if (!selector) return [];
  const faults = validateLabels(selector.matchLabels, `${path}.matchLabels`);
  for (const [index, requirement] of (selector.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${index}]`;
    const values = requirement.values ?? [];
    if (requirement.operator === 'In' || requirement.operator === 'NotIn') {
      if (values.length === 0) faults.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (requirement.operator === 'Exists' || requirement.operator === 'DoesNotExist') {
      if (values.length > 0)
        faults.push(forbiddenField(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    } else {
      faults.push(invalid(`${at}.operator`, requirement.operator ?? '', 'not a valid selector operator'));
    }
    faults.push(...qualifiedName(requirement.key ?? '').map((why) => invalid(`${at}.key`, requirement.key ?? '', why)));
    for (const [position, value] of values.entries()) {
      faults.push(...labelValueFaults(value).map((why) => invalid(`${at}.values[${position}]`, value, why)));
    }
  }
  return faults;
}
