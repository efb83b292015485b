import { expect, test } from 'vitest';
import { bodyFormat, negotiate } from './negotiation.ts';

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';

test.each([
  [undefined, 'json', 'Object', 'v1'],
  ['*/*', 'json', 'Object', 'v1'],
  ['application/json', 'json', 'Object', 'v1'],
  ['application/yaml', 'yaml', 'Object', 'v1'],
  [`${table},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`, 'json', 'Table', 'v1'],
  ['application/json;as=Table;v=v1beta1;g=meta.k8s.io', 'json', 'Table', 'v1beta1'],
  ['application/json;as=Table;v=v2;g=meta.k8s.io,application/json', 'json', 'Object', 'v1'],
  ['application/vnd.kubernetes.protobuf,application/json', 'json', 'Object', 'v1'],
  ['application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1, */*', 'json', 'Object', 'v1'],
  ['application/json;q=0.2,application/yaml;q=0.9', 'yaml', 'Object', 'v1'],
])('%s is answered as %s %s %s', (accept, format, as, version) => {
  expect(negotiate(accept)).toEqual({ format, as, version });
});

test('metadata is asked for of one object or of a list', () => {
  const partial = { format: 'json', as: 'PartialObjectMetadata', version: 'v1' };
  const accept = (as: string): string => `application/json;as=${as};g=meta.k8s.io;v=v1`;
  expect(negotiate(accept('PartialObjectMetadata'))).toEqual({ ...partial, isList: false });
  expect(negotiate(accept('PartialObjectMetadataList'))).toEqual({ ...partial, isList: true });
});

test.each(['application/vnd.kubernetes.protobuf', 'text/html', 'application/json;as=Table;g=meta.k8s.io'])(
  '%s alone is not acceptable',
  (accept) => {
    expect(() => negotiate(accept)).toThrow(expect.objectContaining({ code: 406, reason: 'NotAcceptable' }));
  },
);

test('bodies are JSON, YAML or protobuf', () => {
  expect(bodyFormat(undefined)).toBe('application/json');
  expect(bodyFormat('application/json; charset=utf-8')).toBe('application/json');
  expect(bodyFormat('Application/YAML')).toBe('application/yaml');
  expect(bodyFormat('application/vnd.kubernetes.protobuf')).toBe('application/vnd.kubernetes.protobuf');
  expect(() => bodyFormat('text/plain')).toThrow(expect.objectContaining({ code: 415 }));
});
