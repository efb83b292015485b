import { badRequest } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { type FieldRequirement, parseFieldSelector } from './field-selector.ts';
import { parseLabelSelector } from './label-selector-text.ts';
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
  const matchesLabels = labelSelector ? parseLabelSelector(labelSelector) : undefined;
  const fields = fieldSelector ? parseFieldSelector(fieldSelector).map((requirement) => fieldTest(definition, requirement)) : [];
  return {
    everything: false,
    matches: (object) => (matchesLabels?.(object.metadata?.labels ?? {}) ?? true) && fields.every((test) => test(object)),
  };
}

function fieldTest<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  { field, equal, value }: FieldRequirement,
): (object: T) => boolean {
  const read = readerOf(definition, field);
  return (object) => (read(object) === value) === equal;
}

function readerOf<T extends KubeObject>({ selectableFields }: ResourceDefinition<T>, field: string): FieldReader<T> {
  if (field === 'metadata.name') return ({ metadata }) => metadata?.name ?? '';
  if (field === 'metadata.namespace') return ({ metadata }) => metadata?.namespace ?? '';
  const own = selectableFields && Object.hasOwn(selectableFields, field) ? selectableFields[field] : undefined;
  if (own) return own;
  if (selectableFields) throw badRequest(`field label not supported: ${field}`);
  throw badRequest(`${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`);
}
