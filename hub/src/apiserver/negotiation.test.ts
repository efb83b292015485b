import { expect, test } from 'vitest';
import { bodyFormat, negotiate, onlyProtobuf, requireJson } from './negotiation.ts';

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

const protobuf = 'application/vnd.kubernetes.protobuf';

test('protobuf goes to those who take nothing else, of kinds that have it', () => {
  expect(negotiate(protobuf)).toEqual({ format: 'protobuf', as: 'Object', version: 'v1' });
  expect(negotiate(`${protobuf},application/yaml`)).toMatchObject({ format: 'protobuf' });
  expect(() => negotiate(protobuf, { typed: false })).toThrow(expect.objectContaining({ code: 406 }));
  expect(negotiate(`${protobuf},application/yaml`, { typed: false })).toMatchObject({ format: 'yaml' });
  expect(negotiate(`${protobuf};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`, { typed: false })).toMatchObject({ format: 'protobuf' });
  expect(onlyProtobuf(protobuf)).toBe(true);
  expect(onlyProtobuf(`${protobuf}, */*`)).toBe(false);
  expect(onlyProtobuf(undefined)).toBe(false);
});

test('a path that can be watched names its streams too', () => {
  expect(() => negotiate('text/html', { streams: true })).toThrow(/protobuf;stream=watch$/);
  expect(() => negotiate('text/html')).toThrow(/kubernetes\.protobuf$/);
});

test('a page is JSON', () => {
  expect(() => requireJson('text/html, */*')).not.toThrow();
  expect(() => requireJson(protobuf)).toThrow(expect.objectContaining({ code: 406 }));
});

test.each([`${protobuf};as=Table;g=meta.k8s.io;v=v1`, 'text/html', 'application/json;as=Table;g=meta.k8s.io'])(
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
  expect(() => bodyFormat('application/vnd.kubernetes.protobuf', false)).toThrow(
    /accepted media types include: application\/json, application\/yaml$/,
  );
});
