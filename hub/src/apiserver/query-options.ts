import { type FieldError, forbiddenField, invalid, invalidObject, notSupported, required, tooLong } from '@flotilla/shared/errors/field.js';
import { badRequest } from '@flotilla/shared/errors/status.js';
import type { FieldValidation, ListOptions, WatchOptions, WriteRequestOptions } from '#registry/generic/types.ts';
import { isTrue } from './request-info.ts';

/** The options that clients put in the query, checked as Kubernetes checks them (apimachinery, `metav1/validation`). */

const fieldValidations: readonly string[] = ['', 'Ignore', 'Strict', 'Warn'];
const maxFieldManagerBytes = 128;

export function readListOptions(query: URLSearchParams): ListOptions {
  integer(query, 'timeoutSeconds');
  const text = (name: string): string | undefined => query.get(name) || undefined;
  return {
    labelSelector: text('labelSelector'),
    fieldSelector: text('fieldSelector'),
    limit: integer(query, 'limit'),
    continue: text('continue'),
    resourceVersion: text('resourceVersion'),
    resourceVersionMatch: text('resourceVersionMatch'),
  };
}

export function readWatchOptions(query: URLSearchParams): WatchOptions {
  return {
    ...readListOptions(query),
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    timeoutSeconds: integer(query, 'timeoutSeconds'),
    ...(query.has('sendInitialEvents') ? { sendInitialEvents: isTrue(query.get('sendInitialEvents')) } : {}),
  };
}

/** `CreateOptions`, `UpdateOptions` or `PatchOptions`. @throws StatusError Invalid */
export function readWriteOptions(
  query: URLSearchParams,
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
  apply = false,
): WriteRequestOptions & { force?: boolean } {
  const faults: FieldError[] = [];
  const dryRun = query.getAll('dryRun');
  faults.push(...dryRunFaults(dryRun));
  const fieldManager = query.get('fieldManager') ?? '';
  faults.push(...fieldManagerFaults(fieldManager));
  const fieldValidation = query.get('fieldValidation') ?? '';
  if (fieldValidation && !fieldValidations.includes(fieldValidation)) {
    faults.push(notSupported('fieldValidation', fieldValidation, fieldValidations));
  }
  if (kind === 'PatchOptions') {
    if (apply && !fieldManager) faults.push(required('fieldManager', 'is required for apply patch'));
    if (!apply && query.has('force')) faults.push(forbiddenField('force', 'may not be specified for non-apply patch'));
  }
  if (faults.length > 0) throw invalidObject(kind, 'meta.k8s.io', '', faults);
  return {
    dryRun: dryRun.length > 0,
    ...(fieldManager ? { fieldManager } : {}),
    fieldValidation: (fieldValidation || 'Warn') as FieldValidation,
    ...(apply ? { force: isTrue(query.get('force')) } : {}),
  };
}

export function dryRunFaults(values: readonly string[]): FieldError[] {
  const all = values.every((value) => value === 'All');
  return all ? [] : [notSupported('dryRun', values, ['All'])];
}

function fieldManagerFaults(manager: string): FieldError[] {
  if (Buffer.byteLength(manager) > maxFieldManagerBytes) return [tooLong('fieldManager', maxFieldManagerBytes)];
  for (const [index, character] of [...manager].entries()) {
    if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) {
      const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      return [invalid('fieldManager', manager, `invalid character U+${code} (at position ${index})`)];
    }
  }
  return [];
}

/** An integer of the query. @throws StatusError BadRequest in the words of Go's `strconv` */
export function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  return value;
}
