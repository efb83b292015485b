import type { ConfigMap } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid, tooLong } from '@flotilla/shared/errors/field.js';
import { ageColumn, nameColumn, textColumn } from '#registry/generic/columns.ts';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { validateImmutable } from '#registry/validation/fields.ts';
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
    validateUpdate: (object, old) => [...validateImmutable(object, old, ['data', 'binaryData']), ...validateContent(object)],
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
