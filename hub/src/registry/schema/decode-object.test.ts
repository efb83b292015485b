import { describe, expect, test } from 'vitest';
import { encodeJson } from '#registry/decode/json-encode.ts';
import { checkObject, type DecodedObject, decodeObject, maxBodyBytes } from './decode-object.ts';

const deployment = { definition: 'io.k8s.api.apps.v1.Deployment', gvk: { group: 'apps', version: 'v1', kind: 'Deployment' } };
const configMap = { definition: 'io.k8s.api.core.v1.ConfigMap', gvk: { group: '', version: 'v1', kind: 'ConfigMap' } };
const pod = { definition: 'io.k8s.api.core.v1.Pod', gvk: { group: '', version: 'v1', kind: 'Pod' } };
const secret = { definition: 'io.k8s.api.core.v1.Secret', gvk: { group: '', version: 'v1', kind: 'Secret' } };
const lease = { definition: 'io.k8s.api.coordination.v1.Lease', gvk: { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease' } };

type Options = Parameters<typeof decodeObject>[1];

function decode(object: unknown, options: Options): DecodedObject {
  return decodeObject(typeof object === 'string' ? object : encodeJson(object), options);
}

function messageOf(object: unknown, options: Options): string {
  try {
    decode(object, options);
  } catch (error) {
    expect(error).toMatchObject({ code: 400, reason: 'BadRequest' });
    return (error as Error).message;
  }
  return 'was taken';
}

describe('what an object is', () => {
  test('is taken from the URL where the body does not say', () => {
    expect(decode({ metadata: { name: 'a' } }, configMap).object).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } });
  });

  test.each([
    [
      { apiVersion: 'v1', kind: 'Foo' },
      'Foo in version "v1" cannot be handled as a Deployment: no kind "Foo" is registered for version "v1" in scheme "pkg/runtime/scheme.go:110"',
    ],
    [
      { apiVersion: 'apps/v2', kind: 'Deployment' },
      'Deployment in version "v2" cannot be handled as a Deployment: no kind "Deployment" is registered for version "apps/v2" in scheme "pkg/runtime/scheme.go:110"',
    ],
    [
      { apiVersion: 'v1', kind: 'Pod' },
      'Pod in version "v1" cannot be handled as a Deployment: converting (v1.Pod) to (apps.Deployment): unknown conversion',
    ],
    [{ apiVersion: 'a/b/c' }, 'unexpected GroupVersion string: a/b/c'],
    [{ kind: 5 }, "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string"],
    [[], "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct"],
    ['', "couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)"],
    ['{"a": tru', 'unexpected end of JSON input ({"a": tru)'],
    ['xyz', "invalid character 'x' looking for beginning of value (78797a)"],
  ])('%j: %s', (body, message) => {
    expect(messageOf(body, deployment)).toContain(message);
  });

  test('another version of the same kind is named', () => {
    const event = { definition: 'io.k8s.api.core.v1.Event', gvk: { group: '', version: 'v1', kind: 'Event' } };
    expect(messageOf({ apiVersion: 'events.k8s.io/v1', kind: 'Event' }, event)).toBe(
      'the API version in the data (events.k8s.io/v1) does not match the expected API version (v1)',
    );
  });

  test('DeleteOptions are the same in every group', () => {
    const options = {
      definition: 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
      gvk: { group: '', version: 'v1', kind: 'DeleteOptions' },
    };
    expect(decode({ apiVersion: 'apps/v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 }, options).object).toMatchObject({
      gracePeriodSeconds: 0,
    });
  });

  test('media types and sizes have their limits', () => {
    expect(() => decode('x', { ...pod, contentType: 'application/vnd.kubernetes.protobuf' })).toThrow(
      expect.objectContaining({ code: 415, reason: 'UnsupportedMediaType' }),
    );
    const body = (size: number): string => `{"metadata":{"name":"a"}}${' '.repeat(size - 25)}`;
    expect(decode(body(maxBodyBytes), pod).object.metadata?.name).toBe('a');
    expect(() => decode(body(maxBodyBytes + 1), pod)).toThrow(expect.objectContaining({ code: 413 }));
  });
});

describe('strict decoding', () => {
  const body = '{"spec":{"replicsa":1,"replicas":1,"replicas":2,"template":{"spec":{"containers":[{"name":"a","imag":"b"}]}}},"foo":1}';
  const faults = [
    'unknown field "spec.replicsa"',
    'duplicate field "spec.replicas"',
    'unknown field "spec.template.spec.containers[0].imag"',
    'unknown field "foo"',
  ];

  test('refuses', () => {
    expect(messageOf(body, { ...deployment, fieldValidation: 'Strict' })).toBe(
      `Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: ${faults.join(', ')}`,
    );
  });

  test('warns, and leaves out what the schema does not have', () => {
    const { object, warnings } = decode(body, { ...deployment, fieldValidation: 'Warn' });
    expect(warnings).toEqual(faults);
    expect(object).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      spec: { replicas: 2, template: { spec: { containers: [{ name: 'a' }] } } },
    });
  });

  test('ignores', () => {
    expect(decode(body, { ...deployment, fieldValidation: 'Ignore' }).warnings).toEqual([]);
  });

  test('minds YAML too', () => {
    const text = 'data:\n  a: b\n  a: c\nspec: 1\n';
    expect(messageOf(text, { ...configMap, contentType: 'application/yaml', fieldValidation: 'Strict' })).toBe(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: yaml: unmarshal errors:\n' +
        '  line 3: key "a" already set in map, unknown field "spec"',
    );
  });

  test('__proto__ never gets in', () => {
    const { object, warnings } = decode('{"__proto__":{"a":1},"data":{"__proto__":"x","b":"c"}}', configMap);
    expect(object).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', data: { b: 'c' } });
    expect(warnings).toEqual(['unknown field "__proto__"', 'unknown field "data.__proto__"']);
    expect(Object.hasOwn((object as { data?: object }).data ?? {}, '__proto__')).toBe(false);
  });
});

describe('wrong types', () => {
  test.each([
    [
      deployment,
      { spec: { replicas: 'two' } },
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      deployment,
      { spec: { replicas: 1.5 } },
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      deployment,
      { spec: { replicas: 3e9 } },
      'json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [deployment, { spec: [] }, 'json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec'],
    [
      pod,
      { spec: { containers: {} } },
      'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      pod,
      { spec: { containers: [{ name: 1 }] } },
      'json: cannot unmarshal number into Go struct field Container.spec.containers.name of type string',
    ],
    [
      pod,
      { metadata: { labels: { a: 1 } } },
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [configMap, { data: { a: true } }, 'json: cannot unmarshal bool into Go struct field ConfigMap.data of type string'],
    [pod, { spec: { hostNetwork: 'yes' } }, 'json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool'],
    [
      pod,
      { spec: { containers: [{ resources: { limits: { cpu: 'lots' } } }] } },
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      pod,
      { metadata: { creationTimestamp: 'today' } },
      'parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"',
    ],
    [secret, { data: { a: '%%%' } }, 'illegal base64 data at input byte 0'],
    [secret, { data: { a: 'YWJ' } }, 'illegal base64 data at input byte 0'],
  ])('%o %j: %s', (options, body, message) => {
    expect(messageOf(body, options)).toBe(`${options.gvk.kind} in version "v1" cannot be handled as a ${options.gvk.kind}: ${message}`);
  });
});

describe('what is stored', () => {
  test('nulls, empty lists and maps are left out; empty structs stay', () => {
    const { object } = decode(
      {
        metadata: { creationTimestamp: null, labels: {}, annotations: { a: null } },
        spec: { volumes: [{ name: 'v', emptyDir: {} }], containers: [], nodeSelector: {} },
      },
      pod,
    );
    expect(object).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { annotations: { a: '' } },
      spec: { volumes: [{ name: 'v', emptyDir: {} }], containers: [] },
    });
  });

  test('quantities, times and base64 are canonical', () => {
    const container = { name: 'a', resources: { limits: { cpu: 0.5, memory: '1024Mi' }, requests: { cpu: '1000m' } } };
    expect(
      decode({ metadata: { creationTimestamp: '2026-01-01T02:00:00.5+02:00' }, spec: { containers: [container] } }, pod).object,
    ).toMatchObject({
      metadata: { creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: { containers: [{ name: 'a', resources: { limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '1' } } }] },
    });
    expect(decode({ spec: { renewTime: '2026-01-01T00:00:00.500000Z' } }, lease).object).toMatchObject({
      spec: { renewTime: '2026-01-01T00:00:00.500000Z' },
    });
    expect(decode({ data: { a: 'YW\nJj' } }, secret).object).toMatchObject({ data: { a: 'YWJj' } });
  });

  test('every int64 survives', () => {
    const text = '{"metadata":{"generation":9223372036854775807}}';
    expect(encodeJson(decode(text, pod).object)).toBe('{"apiVersion":"v1","kind":"Pod","metadata":{"generation":9223372036854775807}}');
    expect(messageOf('{"metadata":{"generation":9223372036854775808}}', pod)).toContain(
      'json: cannot unmarshal number 9223372036854775808 into Go struct field ObjectMeta.metadata.generation of type int64',
    );
  });

  test('ports are numbers or names', () => {
    const probe = (port: unknown): unknown => ({ spec: { containers: [{ livenessProbe: { httpGet: { port } } }] } });
    expect(decode(probe('http'), pod).object).toMatchObject(probe('http') as object);
    expect(decode(probe(80), pod).object).toMatchObject(probe(80) as object);
    expect(messageOf(probe(true), pod)).toContain(
      'json: cannot unmarshal bool into Go struct field HTTPGetAction.spec.containers.livenessProbe.httpGet.port of type int32',
    );
  });

  test('checkObject leaves its argument alone', () => {
    const object = Object.freeze({
      metadata: Object.freeze({ name: 'a', foo: 1 }),
      spec: Object.freeze({ containers: Object.freeze([]) }),
    });
    const { object: result, warnings } = checkObject(object, pod);
    expect(result).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [] } });
    expect(warnings).toEqual(['unknown field "metadata.foo"']);
    expect(object.metadata).toEqual({ name: 'a', foo: 1 });
  });
});
