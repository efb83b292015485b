import type { Secret } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid, required, tooLong } from '@flotilla/shared/errors/field.js';
import { decodeJson } from '#registry/decode/json-decode.ts';
import { ageColumn, nameColumn, textColumn } from '#registry/generic/columns.ts';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { validateImmutable } from '#registry/validation/fields.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { configMapKey, subdomainName } from '#registry/validation/names.ts';

/** All values of a Secret together, decoded, in bytes. */
const secretLimitBytes = 1024 * 1024;
const accountAnnotation = 'kubernetes.io/service-account.name';

/** What each type must hold (core/validation, ValidateSecret). */
const typeRules: Readonly<Record<string, (secret: Secret) => FieldError[]>> = {
  'kubernetes.io/service-account-token': ({ metadata }) =>
    metadata?.annotations?.[accountAnnotation] ? [] : [required(`metadata.annotations[${accountAnnotation}]`)],
  'kubernetes.io/dockercfg': (secret) => requireJson(secret, '.dockercfg'),
  'kubernetes.io/dockerconfigjson': (secret) => requireJson(secret, '.dockerconfigjson'),
  'kubernetes.io/basic-auth': ({ data = {} }) => {
    const present = Object.hasOwn(data, 'username') || Object.hasOwn(data, 'password');
    return present ? [] : [required('data[username]'), required('data[password]')];
  },
  'kubernetes.io/ssh-auth': ({ data }) => (data?.['ssh-privatekey'] ? [] : [required('data[ssh-privatekey]')]),
  'kubernetes.io/tls': ({ data = {} }) =>
    ['tls.crt', 'tls.key'].filter((key) => !Object.hasOwn(data, key)).map((key) => required(`data[${key}]`)),
};

function requireJson({ data = {} }: Secret, key: string): FieldError[] {
  const value = data[key];
  if (value === undefined) return [required(`data[${key}]`)];
  try {
    const { value: parsed } = decodeJson(Buffer.from(value, 'base64').toString('utf8'));
    if (typeof parsed === 'object' && !Array.isArray(parsed)) return [];
    return [invalid(`data[${key}]`, '<secret contents redacted>', 'json: cannot unmarshal into Go value of type map[string]interface {}')];
  } catch (error) {
    // The message quotes one character at most, as Kubernetes' does.
    return [invalid(`data[${key}]`, '<secret contents redacted>', error instanceof Error ? error.message : String(error))];
  }
}

function validateContent(secret: Secret): FieldError[] {
  const faults: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(secret.data ?? {})) {
    faults.push(...configMapKey(key).map((why) => invalid(`data[${key}]`, key, why)));
    bytes += Buffer.byteLength(value, 'base64');
  }
  if (bytes > secretLimitBytes) faults.push(tooLong('data', secretLimitBytes));
  return [...faults, ...(typeRules[secret.type ?? '']?.(secret) ?? [])];
}

function validateChange(secret: Secret, old: Secret): FieldError[] {
  const sameType = secret.type === old.type ? [] : [invalid('type', secret.type, 'field is immutable')];
  return [...sameType, ...validateImmutable(secret, old, ['data'])];
}

export const secrets: ResourceDefinition<Secret> = {
  group: '',
  version: 'v1',
  kind: 'Secret',
  resource: 'secrets',
  singular: 'secret',
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Secret',
  strategy: {
    default(secret) {
      secret.type ||= 'Opaque';
      if (!secret.stringData) return;
      const encoded = Object.entries(secret.stringData).map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')]);
      secret.data = { ...secret.data, ...Object.fromEntries(encoded) };
      delete secret.stringData;
    },
    validate: (secret) => [...validateMetadata(secret, { namespaced: true, name: subdomainName }), ...validateContent(secret)],
    validateUpdate: (secret, old) => [...validateChange(secret, old), ...validateContent(secret)],
  },
  columns: [
    nameColumn,
    textColumn('Type', 'What the secret holds.', ({ type }) => type ?? ''),
    textColumn('Data', 'The number of keys of data.', ({ data = {} }) => Object.keys(data).length),
    ageColumn,
  ],
  selectableFields: { type: ({ type }) => type ?? '' },
};
