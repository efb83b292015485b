import type { KubeObject } from '@flotilla/shared/meta/object.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { updateManagedFields } from './managed-fields.ts';
import { serverSideApply } from './server-side-apply.ts';

const definition = 'io.k8s.api.apps.v1.Deployment';
const apiVersion = 'apps/v1';
const now = '2026-01-01T00:00:00Z';
const later = '2026-01-01T00:01:00Z';

interface Container {
  name: string;
  image?: string;
  ports?: object[];
  env?: object[];
  args?: string[];
}

interface Deployment extends KubeObject {
  spec?: Record<string, unknown>;
}

const deployment = (spec: Record<string, unknown>, metadata: object = {}): Deployment => ({
  apiVersion,
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', ...metadata },
  spec,
});

const withContainers = (...containers: Container[]): Deployment => deployment({ template: { spec: { containers } } });

interface Options {
  live?: Deployment | undefined;
  manager?: string;
  force?: boolean;
  now?: string;
}

function apply(applied: Deployment, { live, manager = 'a', force = false, now: time = now }: Options = {}): Deployment {
  return serverSideApply({ live, applied, manager, force, apiVersion, definition, now: time });
}

function update(live: Deployment | undefined, object: Deployment, manager = 'editor', time = now): Deployment {
  return updateManagedFields({ live, object, manager, apiVersion, definition, now: time });
}

const containersOf = (object: Deployment): unknown =>
  (object.spec?.['template'] as { spec?: { containers?: unknown } } | undefined)?.spec?.containers;
const fieldsOf = (object: Deployment, manager: string): unknown =>
  object.metadata?.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1;
const bare = (object: Deployment): Deployment => {
  const { managedFields: _gone, ...metadata } = object.metadata ?? {};
  return { ...object, metadata };
};

describe('serverSideApply', () => {
  test('creates, and owns what it applied', () => {
    const result = apply(
      deployment({ replicas: 1, template: { spec: { containers: [{ name: 'c', image: 'i' }] } } }, { labels: { a: 'b' } }),
    );
    expect(bare(result).spec).toEqual({ replicas: 1, template: { spec: { containers: [{ name: 'c', image: 'i' }] } } });
    expect(result.metadata?.managedFields).toEqual([
      {
        manager: 'a',
        operation: 'Apply',
        apiVersion,
        time: now,
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { 'f:a': {} } },
          'f:spec': {
            'f:replicas': {},
            'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {} } } } },
          },
        },
      },
    ]);
  });

  test('changes nothing when applied again', () => {
    const config = withContainers({ name: 'c', image: 'i', ports: [{ containerPort: 80 }] });
    const live = apply(config);
    expect(apply(config, { live, now: later })).toEqual(live);
  });

  test('removes what is no longer applied', () => {
    const live = apply(deployment({ replicas: 1, paused: true }, { labels: { a: '1', b: '2' } }));
    const result = apply(deployment({ replicas: 1 }, { labels: { b: '2' } }), { live });
    expect(bare(result)).toEqual(deployment({ replicas: 1 }, { labels: { b: '2' } }));
  });

  test('removes items of keyed lists, and lists that lost all', () => {
    const live = apply(withContainers({ name: 'c', env: [{ name: 'A', value: '1' }] }, { name: 'd' }));
    expect(containersOf(apply(withContainers({ name: 'c' }), { live }))).toEqual([{ name: 'c' }]);
  });

  test('keeps what somebody else owns too', () => {
    const first = apply(deployment({ replicas: 1 }, { labels: { a: '1' } }), { manager: 'one' });
    const both = apply(deployment({ replicas: 1 }), { live: first, manager: 'two' });
    // Who changed nothing has no time, and so stands first.
    expect(both.metadata?.managedFields?.map((entry) => entry.manager)).toEqual(['two', 'one']);
    const result = apply(deployment({}, { labels: { a: '1' } }), { live: both, manager: 'one' });
    expect(result.spec).toEqual({ replicas: 1 });
    expect(fieldsOf(result, 'one')).toEqual({ 'f:metadata': { 'f:labels': { 'f:a': {} } }, 'f:spec': {} });
  });

  test('refuses to take a field from another manager, naming both', () => {
    const live = update(undefined, deployment({ replicas: 1 }), 'kubectl-client-side-apply');
    expect(() => apply(deployment({ replicas: 2 }), { live })).toThrow(
      expect.objectContaining({
        code: 409,
        reason: 'Conflict',
        message: 'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
        details: {
          causes: [
            { reason: 'FieldManagerConflict', message: 'conflict with "kubectl-client-side-apply" using apps/v1', field: '.spec.replicas' },
          ],
        },
      }),
    );
  });

  test('names every conflict', () => {
    const one = apply(withContainers({ name: 'c', image: 'i' }), { manager: 'one' });
    const live = update(one, { ...one, spec: { ...one.spec, replicas: 3 } }, 'hpa');
    const config = deployment({ replicas: 1, template: { spec: { containers: [{ name: 'c', image: 'j' }] } } });
    expect(() => apply(config, { live, manager: 'two' })).toThrow(
      'Apply failed with 2 conflicts: conflicts with "hpa" using apps/v1:\n- .spec.replicas\nconflicts with "one":\n- .spec.template.spec.containers[name="c"].image',
    );
  });

  test('takes fields by force', () => {
    const live = update(undefined, deployment({ replicas: 1, paused: true }));
    const result = apply(deployment({ replicas: 2 }), { live, force: true });
    expect(result.spec).toEqual({ replicas: 2, paused: true });
    expect(fieldsOf(result, 'editor')).toEqual({ 'f:spec': { 'f:paused': {} } });
    expect(fieldsOf(result, 'a')).toEqual({ 'f:spec': { 'f:replicas': {} } });
  });

  test('the same value is shared, not fought over', () => {
    const live = update(undefined, deployment({ replicas: 1 }));
    const result = apply(deployment({ replicas: 1 }), { live });
    expect(fieldsOf(result, 'editor')).toEqual({ 'f:spec': { 'f:replicas': {} } });
    expect(fieldsOf(result, 'a')).toEqual({ 'f:spec': { 'f:replicas': {} } });
  });

  test('merges keyed lists, replaces atomic ones, in the order applied', () => {
    const live = update(undefined, withContainers({ name: 'x' }, { name: 'c', args: ['1', '2'] }, { name: 'd' }));
    const result = apply(withContainers({ name: 'd', image: 'i' }, { name: 'c', args: ['3'] }, { name: 'e' }), { live, force: true });
    expect(containersOf(result)).toEqual([{ name: 'x' }, { name: 'd', image: 'i' }, { name: 'c', args: ['3'] }, { name: 'e' }]);
  });

  test('ports are told apart by number and protocol', () => {
    const live = apply(withContainers({ name: 'c', ports: [{ containerPort: 53 }, { containerPort: 53, protocol: 'UDP' }] }));
    const result = apply(withContainers({ name: 'c', ports: [{ containerPort: 53, protocol: 'UDP' }] }), { live });
    expect(containersOf(result)).toEqual([{ name: 'c', ports: [{ containerPort: 53, protocol: 'UDP' }] }]);
  });

  test('a label selector has one owner', () => {
    const live = apply(deployment({ selector: { matchLabels: { a: '1' } } }), { manager: 'one' });
    expect(() => apply(deployment({ selector: { matchLabels: { b: '1' } } }), { live, manager: 'two' })).toThrow(
      'conflict with "one": .spec.selector',
    );
  });

  test('the first apply to an object that nobody tracks finds its fields taken', () => {
    const live = deployment({ replicas: 1 }, { uid: 'u', creationTimestamp: now });
    expect(() => apply(deployment({ replicas: 2 }), { live })).toThrow('conflict with "before-first-apply" using apps/v1: .spec.replicas');
    expect(apply(deployment({ replicas: 1 }), { live }).metadata?.managedFields?.map((entry) => entry.manager)).toEqual([
      'a',
      'before-first-apply',
    ]);
  });

  test('status is not applied to the main resource', () => {
    const result = apply({ ...deployment({ replicas: 1 }), status: { replicas: 1 } } as Deployment);
    expect(fieldsOf(result, 'a')).toEqual({ 'f:spec': { 'f:replicas': {} } });
  });

  test("kubectl takes over what it applied on the client's side", () => {
    const config = { ...deployment({ replicas: 1 }) };
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(config) };
    const live = update(undefined, deployment({ replicas: 1 }, { annotations }), 'kubectl-client-side-apply');
    const result = apply(deployment({ replicas: 2 }), { live, manager: 'kubectl' });
    expect(result.spec).toEqual({ replicas: 2 });
    const kept = result.metadata?.annotations?.['kubectl.kubernetes.io/last-applied-configuration'];
    expect(JSON.parse(kept ?? '')).toEqual(deployment({ replicas: 2 }));
    const changed = update(live, { ...live, spec: { replicas: 5 } }, 'hpa');
    expect(() => apply(deployment({ replicas: 2 }), { live: changed, manager: 'kubectl' })).toThrow('conflict with "hpa"');
  });

  test.each([
    [
      { ...deployment({}), apiVersion: 'apps/v2' },
      'Incorrect version specified in apply patch. Specified patch version: apps/v2, expected: apps/v1',
    ],
    [deployment({}, { managedFields: [] }), 'metadata.managedFields must be nil'],
    [withContainers({ name: 'c' }, { name: 'c' }), '.spec.template.spec.containers: duplicate entries for key [name="c"]'],
  ])('%j is refused: %s', (config, message) => {
    expect(() => apply(config)).toThrow(message);
    expect(() => apply(config)).toThrow(expect.objectContaining({ code: 400 }));
  });

  test('what two managers apply stands, whatever the order; what both drop goes', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const env = fc.uniqueArray(fc.record({ name, value: fc.constantFrom('1', '2') }), { selector: (item) => item.name, maxLength: 3 });
    const container = fc.record({ name, image: fc.constantFrom('i', 'j'), env }, { requiredKeys: ['name'] });
    const config = fc.record({
      labels: fc.dictionary(name, fc.constantFrom('1', '2')),
      containers: fc.uniqueArray(container, { selector: (item) => item.name, maxLength: 3 }),
    });
    const build = ({ labels, containers }: { labels: Record<string, string>; containers: object[] }): Deployment =>
      deployment({ template: { spec: { containers } } }, { labels });
    const empty = deployment({});
    fc.assert(
      fc.property(config, config, (one, two) => {
        const start = update(undefined, deployment({ paused: true }), 'creator');
        const texts = JSON.stringify([start, one, two]);
        const first = apply(build(one), { live: start, manager: 'one' });
        const both = apply(build(two), { live: first, manager: 'two', force: true });
        expect(apply(build(two), { live: both, manager: 'two', now: later })).toEqual(both);
        for (const [key, value] of Object.entries(two.labels)) expect(both.metadata?.labels?.[key]).toBe(value);
        const names = (containersOf(both) as Container[] | undefined)?.map((item) => item.name) ?? [];
        expect(new Set(names)).toEqual(new Set([...one.containers, ...two.containers].map((item) => item.name)));
        const without = apply(empty, { live: apply(empty, { live: both, manager: 'one' }), manager: 'two' });
        expect(without.metadata?.labels ?? {}).toEqual({});
        expect(without.spec?.['paused']).toBe(true);
        expect(JSON.stringify(without.spec)).not.toContain('image');
        expect(JSON.stringify([start, one, two])).toBe(texts);
      }),
    );
  });
});
