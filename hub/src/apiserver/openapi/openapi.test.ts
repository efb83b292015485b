import { loadDescriptions } from '@flotilla/shared/api/schemas.js';
import { describe, expect, it } from 'vitest';
import { configMaps } from '#registry/core/config-map.ts';
import { pods } from '#registry/core/pod.ts';
import { openApiV2 } from './openapi-v2.ts';
import { encodeOpenApiV2Protobuf } from './openapi-v2-protobuf.ts';
import { openApiV3, openApiV3Index } from './openapi-v3.ts';

type Doc = Record<string, Record<string, Record<string, Record<string, unknown>>>>;

describe('the OpenAPI documents', async () => {
  const descriptions = await loadDescriptions();
  const v3 = openApiV3([configMaps], descriptions, 'v1.34.0') as unknown as Doc;
  const v2 = openApiV2([configMaps], descriptions, 'v1.34.0') as unknown as Doc;
  const path = '/api/v1/namespaces/{namespace}/configmaps/{name}';

  it('describe every verb of a kind, with the parameters kubectl looks for', () => {
    for (const doc of [v2, v3]) {
      expect(Object.keys(doc['paths']?.[path] ?? {}).sort()).toEqual(['delete', 'get', 'parameters', 'patch', 'put']);
      const patch = doc['paths']?.[path]?.['patch'];
      expect(patch?.['x-kubernetes-group-version-kind']).toEqual({ group: '', version: 'v1', kind: 'ConfigMap' });
      expect(((patch?.['parameters'] ?? []) as { name: string }[]).map(({ name }) => name)).toEqual(
        expect.arrayContaining(['dryRun', 'fieldValidation', 'fieldManager', 'force']),
      );
    }
  });

  it('name the streams of a pod as Kubernetes does', () => {
    const of = (doc: unknown): Record<string, Record<string, { operationId?: string; 'x-kubernetes-action'?: string }>> =>
      (doc as { paths: Record<string, Record<string, { operationId?: string }>> }).paths;
    for (const doc of [openApiV2([pods], descriptions, 'v1.34.0'), openApiV3([pods], descriptions, 'v1.34.0')]) {
      const exec = of(doc)['/api/v1/namespaces/{namespace}/pods/{name}/exec'];
      expect(exec?.['get']).toMatchObject({ operationId: 'connectCoreV1GetNamespacedPodExec', 'x-kubernetes-action': 'connect' });
      const below = of(doc)['/api/v1/namespaces/{namespace}/pods/{name}/proxy/{path}'];
      expect(below?.['delete']?.operationId).toBe('connectCoreV1DeleteNamespacedPodProxyWithPath');
    }
  });

  it('hold each definition that a kind leads to, and no reference to nothing', () => {
    for (const [doc, prefix, definitions] of [
      [v2, '#/definitions/', v2['definitions']],
      [v3, '#/components/schemas/', v3['components']?.['schemas']],
    ] as const) {
      const names = [...JSON.stringify(doc).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '');
      expect(names.length).toBeGreaterThan(20);
      for (const name of names) expect(definitions).toHaveProperty([name.slice(prefix.length)]);
    }
  });

  it('carry kinds, texts and merge keys', () => {
    const schemas = v3['components']?.['schemas'] as unknown as Record<string, { properties: Record<string, Record<string, unknown>> }>;
    expect(schemas['io.k8s.api.core.v1.ConfigMap']).toMatchObject({
      description: expect.stringContaining('ConfigMap'),
      'x-kubernetes-group-version-kind': [{ group: '', version: 'v1', kind: 'ConfigMap' }],
    });
    expect(schemas['io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta']?.properties['ownerReferences']).toMatchObject({
      'x-kubernetes-patch-merge-key': 'uid',
      'x-kubernetes-list-map-keys': ['uid'],
    });
  });

  it('have an index whose hash changes with the document', () => {
    const url = (text: string): string =>
      (openApiV3Index(new Map([['api/v1', text]])) as unknown as Doc)['paths']?.['api/v1']?.['serverRelativeURL'] as unknown as string;
    expect(url('a')).toMatch(/^\/openapi\/v3\/api\/v1\?hash=[0-9A-F]{128}$/);
    expect(url('a')).not.toBe(url('b'));
  });

  it('are encoded as protobuf with version 2.0 first', () => {
    const bytes = encodeOpenApiV2Protobuf(v2);
    expect(bytes.subarray(0, 5).toString('latin1')).toBe('\n\u00032.0');
    expect(bytes.includes('io.k8s.api.core.v1.ConfigMap')).toBe(true);
  });
});
