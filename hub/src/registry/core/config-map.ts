import type { ConfigMap } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { forbiddenField, invalid, tooLong } from '@flotilla/shared/errors/field.js';
import { ageColumn, nameColumn, textColumn } from '#registry/generic/columns.ts';
import { semanticEqual } from '#registry/generic/json.ts';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { byteLength, configMapKey, subdomainName } from '#registry/validation/names.ts';

/** All values of a ConfigMap together, in bytes. */
const configMapLimitBytes = 1024 * 1024;

function validateContent({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const faults: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    faults.push(...configMapKey(key).map((why) => invalid(`data[${key}]`, key, why)));
    if (Object.hasOwn(binaryData, key)) faults.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    bytes += byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    faults.push(...configMapKey(key).map((why) => invalid(`binaryData[${key}]`, key, why)));
    bytes += Buffer.byteLength(value, 'base64');
  }
  if (bytes > configMapLimitBytes) faults.push(tooLong('[]', configMapLimitBytes));
  return faults;
}

function validateImmutable(object: ConfigMap, old: ConfigMap): FieldError[] {
  if (!old.immutable) return [];
  const faults: FieldError[] = [];
  if (!object.immutable) faults.push(forbiddenField('immutable', 'field is immutable when `immutable` is set'));
  for (const field of ['data', 'binaryData'] as const) {
    if (!semanticEqual(object[field], old[field])) faults.push(forbiddenField(field, 'field is immutable when `immutable` is set'));
  }
  return faults;
}

export const configMaps: ResourceDefinition<ConfigMap> = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  resource: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.ConfigMap',
  strategy: {
    validate: (object) => [...validateMetadata(object, { namespaced: true, name: subdomainName }), ...validateContent(object)],
    validateUpdate: (object, old) => [...validateImmutable(object, old), ...validateContent(object)],
  },
  columns: [
    nameColumn,
    textColumn(
      'Data',
      'The number of keys of data and binaryData.',
      ({ data = {}, binaryData = {} }) => Object.keys(data).length + Object.keys(binaryData).length,
    ),
    ageColumn,
  ],
};
