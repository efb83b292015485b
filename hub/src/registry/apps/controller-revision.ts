import type { ControllerRevision } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid, required } from '@flotilla/shared/errors/field.js';
import { ageColumn, nameColumn, textColumn } from '#registry/generic/columns.ts';
import { isMap, jsonEqual } from '#registry/generic/json.ts';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { nonNegative } from '#registry/validation/fields.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { subdomainName } from '#registry/validation/names.ts';

function validateData({ data }: ControllerRevision): FieldError[] {
  if (data === undefined || data === null) return [required('data', 'data is mandatory')];
  return isMap(data) ? [] : [required('data', 'data must be a valid JSON object')];
}

/** `StatefulSet.apps/db`: whose state this was. */
function controllerOf({ metadata }: ControllerRevision): string {
  const owner = metadata?.ownerReferences?.find(({ controller }) => controller);
  if (!owner) return '<none>';
  const [group = '', version] = (owner.apiVersion ?? '').split('/');
  return `${(owner.kind ?? '').toLowerCase()}${version === undefined ? '' : `.${group}`}/${owner.name}`;
}

function countFromZero(revision: ControllerRevision): void {
  revision.revision ??= 0;
}

/** What a workload was at one of its revisions; only the number may change afterwards. */
export const controllerRevisions: ResourceDefinition<ControllerRevision> = {
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  resource: 'controllerrevisions',
  singular: 'controllerrevision',
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.ControllerRevision',
  strategy: {
    prepareForCreate: countFromZero,
    prepareForUpdate: countFromZero,
    validate: (revision) => [
      ...validateMetadata(revision, { namespaced: true, name: subdomainName }),
      ...nonNegative('revision', revision.revision),
      ...validateData(revision),
    ],
    validateUpdate: (revision, old) => [
      ...nonNegative('revision', revision.revision),
      ...(jsonEqual(revision.data, old.data) ? [] : [invalid('data', revision.data, 'field is immutable')]),
    ],
  },
  columns: [
    nameColumn,
    textColumn('Controller', 'The workload that it belongs to.', controllerOf),
    textColumn('Revision', 'The number of the revision.', ({ revision }) => revision),
    ageColumn,
  ],
};
