import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, invalid, notSupported, required } from '@flotilla/shared/errors/field.js';
import { semanticEqual } from '#registry/generic/json.ts';
import { inclusiveRange } from './names.ts';

/** Rules for single fields that every kind shares; a field that is absent breaks none of them. */

export function nonNegative(path: string, value: number | undefined): FieldError[] {
  return value !== undefined && value < 0 ? [invalid(path, value, 'must be greater than or equal to 0')] : [];
}

export function within(path: string, value: number | undefined, low: number, high: number): FieldError[] {
  const fits = value === undefined || (Number.isInteger(value) && value >= low && value <= high);
  return fits ? [] : [invalid(path, value, inclusiveRange(low, high))];
}

/** One of a fixed set of words. */
export function oneOf(path: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  return value === undefined || supported.includes(value) ? [] : [notSupported(path, value, supported)];
}

/** One of a fixed set of words that defaulting has filled in. */
export function requiredOneOf(path: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  return value ? oneOf(path, value, supported) : [required(path)];
}

/** The faults of a name rule as faults of a field. */
export function named(path: string, value: string, rule: (value: string) => readonly string[]): FieldError[] {
  return rule(value).map((why) => invalid(path, value, why));
}

export function requiredName(path: string, value: string | undefined, rule: (value: string) => readonly string[]): FieldError[] {
  return value ? named(path, value, rule) : [required(path)];
}

/** What an object that is `immutable` may not change any more: that it is, and these fields. */
export function validateImmutable<T extends { readonly immutable?: boolean }>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  if (!old.immutable) return [];
  const changed = fields.filter((field) => !semanticEqual(object[field], old[field]));
  const faults = object.immutable ? changed : ['immutable', ...changed];
  return faults.map((field) => forbiddenField(field, 'field is immutable when `immutable` is set'));
}

/** Runs a rule over a list with the path of each element. */
export function each<T>(
  path: string,
  list: readonly T[] | undefined,
  rule: (item: T, path: string, index: number) => FieldError[],
): FieldError[] {
  return (list ?? []).flatMap((item, index) => rule(item, `${path}[${index}]`, index));
}
