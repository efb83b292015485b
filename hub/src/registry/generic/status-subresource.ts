import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { keepField } from './object-meta.ts';
import type { Strategy, Subresource } from './types.ts';

/**
 * The `status` subresource of a kind: a write to it leaves the spec as it was, whatever is sent.
 * @param strategy what else is particular to the status
 */
export function statusSubresource<T extends KubeObject & { spec?: unknown }>(
  kind: Subresource['kind'],
  { prepareForUpdate, ...strategy }: Pick<Strategy<T>, 'prepareForUpdate' | 'validateUpdate' | 'warnings'>,
): Subresource<T> {
  return {
    name: 'status',
    kind,
    verbs: ['get', 'patch', 'update'],
    strategy: {
      prepareForUpdate(object, old, now) {
        keepField(object, old, 'spec');
        prepareForUpdate?.(object, old, now);
      },
      validate: () => [],
      ...strategy,
    },
  };
}
