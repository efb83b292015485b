import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { describe, expect, it } from 'vitest';
import type { ObjectLookup } from '#volumes/payloads.ts';
import { buildEnvironment } from './environment.ts';
import { expand } from './expansion.ts';

const objects: ObjectLookup = {
  configMap: (_, name) => (name === 'c' ? { data: { A: '1', B: '2', 'x=y': 'no' } } : undefined),
  secret: (_, name) => (name === 's' ? { data: { P: Buffer.from('word').toString('base64') } } : undefined),
};
const pod: Pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u', labels: { app: 'web', tier: 'a"b' }, annotations: { note: 'x' } },
  spec: { containers: [], nodeName: 'board', serviceAccountName: 'sa' },
};
const context = { pod, nodeName: 'board', hostIPs: ['192.0.2.1'], podIPs: ['10.0.0.2'], allocatable: { cpu: '4', memory: '1Gi' } };
const env = (...list: object[]): Record<string, string> => buildEnvironment({ name: 'c', env: list as never }, context, objects);
const field = (fieldPath: string): object => ({ name: 'V', valueFrom: { fieldRef: { fieldPath } } });

describe('expansion', () => {
  it.each([
    ['$(A)-$(B)', '1-$(B)'],
    ['$$(A)', '$(A)'],
    ['$A $', '$A $'],
    ['$$$(A)', '$1'],
    ['$(A', '$(A'],
  ])('%s', (text, result) => {
    expect(expand(text, (name) => (name === 'A' ? '1' : undefined))).toBe(result);
  });
});

describe('environment', () => {
  it('takes envFrom with prefixes, then env, which may refer back', () => {
    const container = {
      name: 'c',
      envFrom: [
        { prefix: 'C_', configMapRef: { name: 'c' } },
        { secretRef: { name: 's' } },
        { configMapRef: { name: 'none', optional: true } },
      ],
      env: [
        { name: 'P', value: 'own' },
        { name: 'ALL', value: '$(C_A) $(P) $(LATER)' },
        { name: 'LATER', value: 'x' },
      ],
    };
    expect(buildEnvironment(container, context, objects)).toEqual({ C_A: '1', C_B: '2', P: 'own', ALL: '1 own $(LATER)', LATER: 'x' });
  });

  it('takes single keys, and leaves out optional ones', () => {
    expect(
      env(
        { name: 'A', valueFrom: { configMapKeyRef: { name: 'c', key: 'A' } } },
        { name: 'P', valueFrom: { secretKeyRef: { name: 's', key: 'P' } } },
        { name: 'N', valueFrom: { secretKeyRef: { name: 's', key: 'none', optional: true } } },
      ),
    ).toEqual({ A: '1', P: 'word' });
  });

  it.each([
    ['metadata.name', 'p'],
    ["metadata.labels['app']", 'web'],
    ["metadata.annotations['none']", ''],
    ['metadata.labels', 'app="web"\ntier="a\\"b"'],
    ['spec.nodeName', 'board'],
    ['spec.serviceAccountName', 'sa'],
    ['status.hostIP', '192.0.2.1'],
    ['status.podIP', '10.0.0.2'],
  ])('knows %s', (path, value) => {
    expect(env(field(path))).toEqual({ V: value });
  });

  it('knows limits, with the node behind them', () => {
    const resources = { limits: { cpu: '1500m' }, requests: { memory: '10Mi' } };
    const ref = (resource: string, divisor?: string): object => ({
      name: resource,
      valueFrom: { resourceFieldRef: { resource, ...(divisor ? { divisor } : {}) } },
    });
    const list = [ref('limits.cpu'), ref('requests.memory', '1Mi'), ref('limits.memory', '1Mi')];
    expect(buildEnvironment({ name: 'c', resources, env: list as never }, context, objects)).toEqual({
      'limits.cpu': '2',
      'requests.memory': '10',
      'limits.memory': '1024',
    });
  });

  it.each([
    [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'x', key: 'k' } } }, 'configmap "x" not found'],
    [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }, "couldn't find key k in ConfigMap n/c"],
    [{ name: 'V', valueFrom: { secretKeyRef: { name: 'x', key: 'k' } } }, 'secret "x" not found'],
    [{ name: 'V', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }, "couldn't find key k in Secret n/s"],
    [field('spec.nothing'), 'unsupported fieldPath: spec.nothing'],
  ])('says what is missing', (variable, message) => {
    expect(() => env(variable)).toThrow(message);
  });
});
