import type { KubeObject, ObjectMeta } from '@flotilla/shared/meta/object.js';
import { semanticEqual } from './json.ts';

/** The metadata of an object that may be changed, made when there is none. */
export function metadataOf(object: KubeObject): ObjectMeta {
  object.metadata ??= {};
  return object.metadata;
}

/** What a write may not change is as it was before, gone where there was none. */
export function keepField<T extends object>(object: T, old: T, field: keyof T): void {
  if (old[field]) object[field] = old[field];
  else delete object[field];
}

/** A change of the spec is a generation of its own. */
export function countGeneration<T extends KubeObject & { spec?: unknown }>(
  object: T,
  old: T,
  same = semanticEqual(object.spec, old.spec),
): void {
  if (!same) metadataOf(object).generation = (old.metadata?.generation ?? 0) + 1;
}
