import type { KubeObject, ObjectMeta } from '@flotilla/shared/meta/object.js';

/** The metadata of an object that may be changed, made when there is none. */
export function metadataOf(object: KubeObject): ObjectMeta {
  object.metadata ??= {};
  return object.metadata;
}
