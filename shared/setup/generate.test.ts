import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const { generate } = (await import(join(root, 'shared/setup/generate.mjs'))) as {
  generate(rootDir: string): { changed: boolean; directory: string };
};
const { specialFields } = (await import(join(root, 'shared/setup/generate-fields.mjs'))) as { specialFields: string[] };

interface Definition {
  properties?: Record<string, unknown>;
  required?: string[];
  'x-kubernetes-group-version-kind'?: unknown;
}

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'flotilla-generate-'));
  mkdirSync(join(directory, 'node_modules/@kubernetes'), { recursive: true });
  symlinkSync(join(root, 'node_modules/@kubernetes/client-node'), join(directory, 'node_modules/@kubernetes/client-node'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function generated(): { schemas: Record<string, Definition>; text: string } {
  const output = generate(directory).directory;
  const text = readFileSync(join(output, 'schemas.json'), 'utf8');
  return { schemas: JSON.parse(text) as Record<string, Definition>, text };
}

describe('generate', () => {
  test('writes once, and again only when its output is gone or its input changed', () => {
    const first = generate(directory);
    expect(first.changed).toBe(true);
    const written = statSync(join(first.directory, 'types.ts')).mtimeMs;
    expect(generate(directory).changed).toBe(false);
    expect(statSync(join(first.directory, 'types.ts')).mtimeMs).toBe(written);
    writeFileSync(join(first.directory, 'stamp'), 'another input');
    expect(generate(directory).changed).toBe(true);
  });

  test('names definitions as Kubernetes does', () => {
    const { schemas } = generated();
    const names = new Set(Object.keys(schemas));
    for (const name of [
      'io.k8s.api.core.v1.Pod',
      'io.k8s.api.core.v1.Event',
      'io.k8s.api.events.v1.Event',
      'io.k8s.api.core.v1.TopologySelectorTerm',
      'io.k8s.api.apps.v1.Deployment',
      'io.k8s.api.autoscaling.v1.Scale',
      'io.k8s.api.policy.v1.Eviction',
      'io.k8s.api.authentication.v1.TokenRequest',
      'io.k8s.api.authentication.v1.TokenRequestSpec',
      'io.k8s.api.storage.v1.TokenRequest',
      'io.k8s.api.rbac.v1.Subject',
      'io.k8s.api.coordination.v1.Lease',
      'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
      'io.k8s.apimachinery.pkg.version.Info',
      'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
      'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
    ]) {
      expect(names.has(name), name).toBe(true);
    }
    expect(names.size).toBeGreaterThan(700);
  });

  test('every reference meets a definition and every special field exists', () => {
    const { schemas, text } = generated();
    const referenced = new Set([...text.matchAll(/#\/definitions\/([^"]+)/g)].map((match) => match[1] ?? ''));
    expect([...referenced].filter((name) => !schemas[name])).toEqual([]);
    const fields = Object.entries(schemas).flatMap(([name, { properties }]) =>
      Object.keys(properties ?? {}).map((field) => `${name.slice(name.lastIndexOf('.') + 1)}.${field}`),
    );
    expect(specialFields.filter((field) => !fields.includes(field))).toEqual([]);
  });

  test('keeps JSON names, required fields and the types behind strings', () => {
    const { schemas } = generated();
    expect(Object.keys(schemas['io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta']?.properties ?? {})).toContain('continue');
    expect(schemas['io.k8s.api.apps.v1.DeploymentSpec']?.required).toEqual(['selector', 'template']);
    expect(schemas['io.k8s.api.core.v1.ResourceRequirements']?.properties?.['limits']).toEqual({
      type: 'object',
      additionalProperties: { $ref: '#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity' },
    });
    expect(schemas['io.k8s.api.coordination.v1.LeaseSpec']?.properties?.['renewTime']).toEqual({
      $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
    });
    expect(schemas['io.k8s.api.core.v1.Secret']?.properties?.['data']).toEqual({
      type: 'object',
      additionalProperties: { type: 'string', format: 'byte' },
    });
    expect(schemas['io.k8s.api.apps.v1.Deployment']?.['x-kubernetes-group-version-kind']).toEqual([
      { group: 'apps', kind: 'Deployment', version: 'v1' },
    ]);
    expect(schemas['io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference']?.['x-kubernetes-group-version-kind']).toBeUndefined();
  });

  test('says so when the client package has changed its form', () => {
    const copy = join(directory, 'node_modules/@kubernetes/client-node');
    rmSync(copy);
    cpSync(join(root, 'node_modules/@kubernetes/client-node'), copy, { recursive: true });
    writeFileSync(join(copy, 'dist/gen/models/V1Pod.js'), 'export class V1Pod {}\n');
    expect(() => generate(directory)).toThrow('V1Pod of @kubernetes/client-node has no attribute map');
  });
});
