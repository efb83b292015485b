import { badRequest } from '@flotilla/shared/errors/status.js';
import { parseFieldSelector, unsupportedField } from '@flotilla/shared/meta/field-selector.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { parseLabelSelector } from '@flotilla/shared/meta/selector.js';
import type { FieldReader, ListOptions, ResourceDefinition } from './types.ts';

/** Which objects of a resource are meant. */
export interface Selection<T extends KubeObject = KubeObject> {
  readonly everything: boolean;
  matches(object: T): boolean;
}

const all: Selection = { everything: true, matches: () => true };

/** @throws StatusError BadRequest for a selector that cannot be read, or a field this kind does not select by */
export function selectionOf<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  { labelSelector, fieldSelector }: Pick<ListOptions, 'labelSelector' | 'fieldSelector'>,
): Selection<T> {
  if (!labelSelector && !fieldSelector) return all;
  const labels = parseLabelSelector(labelSelector ?? '');
  const fields = parseFieldSelector(fieldSelector ?? '');
  if (labels.everything && fields.everything) return all;
  const readers = new Map(fields.terms.map(({ field }) => [field, readerOf(definition, field)]));
  return {
    everything: false,
    matches: (object) => labels.matches(object.metadata?.labels) && fields.matches((field) => readers.get(field)?.(object) ?? ''),
  };
}

function readerOf<T extends KubeObject>({ selectableFields }: ResourceDefinition<T>, field: string): FieldReader<T> {
  if (field === 'metadata.name') return ({ metadata }) => metadata?.name ?? '';
  if (field === 'metadata.namespace') return ({ metadata }) => metadata?.namespace ?? '';
  const own = selectableFields && Object.hasOwn(selectableFields, field) ? selectableFields[field] : undefined;
  if (own) return own;
  if (selectableFields) throw unsupportedField(field);
  throw badRequest(`${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`);
}
