import type { ResourceDefinition } from './types.ts';

type Keyed = Pick<ResourceDefinition, 'group' | 'resource'>;

/** `/registry/<group or core>/<resource>/`: what the keys of a resource begin with. */
function resourcePrefix({ group, resource }: Keyed): string {
  return `/registry/${group || 'core'}/${resource}/`;
}

/** The prefix of what lies in one namespace; of the whole resource when the namespace is empty. */
export function listPrefix(definition: Keyed, namespace: string): string {
  return namespace ? `${resourcePrefix(definition)}${namespace}/` : resourcePrefix(definition);
}

/** The key of one object. An object without a namespace has none in its key. */
export function objectPath(definition: Keyed, namespace: string, name: string): string {
  return `${listPrefix(definition, namespace)}${name}`;
}
