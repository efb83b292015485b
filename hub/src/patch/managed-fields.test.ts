import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { describe, expect, test } from 'vitest';
import { updateManagedFields } from './managed-fields.ts';

interface Pod extends KubeObject {
  spec?: object;
  status?: object;
}

const now = '2026-01-01T00:00:00Z';
const later = '2026-01-01T00:01:00Z';

function update(live: Pod | undefined, object: Pod, options: { manager?: string; subresource?: string; now?: string } = {}): Pod {
  return updateManagedFields({ live, object, manager: 'm', apiVersion: 'v1', definition: 'io.k8s.api.core.v1.Pod', now, ...options });
}

const pod = (metadata: object, spec?: object, status?: object): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', ...metadata },
  ...(spec ? { spec } : {}),
  ...(status ? { status } : {}),
});

const entries = (object: Pod) => object.metadata?.managedFields ?? [];

describe('updateManagedFields', () => {
  test('a new object belongs to its creator, field by field as Kubernetes records it', () => {
    const created = update(
      undefined,
      pod(
        { labels: { app: 'a' } },
        { containers: [{ name: 'c', image: 'i', resources: {}, ports: [{ containerPort: 80 }] }], securityContext: {} },
      ),
      { manager: 'kubectl-create' },
    );
    expect(entries(created)).toEqual([
      {
        manager: 'kubectl-create',
        operation: 'Update',
        apiVersion: 'v1',
        time: now,
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
          'f:spec': {
            'f:containers': {
              'k:{"name":"c"}': {
                '.': {},
                'f:image': {},
                'f:name': {},
                'f:ports': { '.': {}, 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
                'f:resources': {},
              },
            },
            'f:securityContext': {},
          },
        },
      },
    ]);
  });

  test('nothing moves when nothing changes', () => {
    const live = update(undefined, pod({ labels: { a: '1' } }));
    expect(update(live, live, { manager: 'other', now: later })).toEqual(live);
  });

  test('who changes a field takes it; who removes it leaves it to nobody', () => {
    const live = update(undefined, pod({ labels: { a: '1', b: '1', c: '1' } }), { manager: 'one' });
    const changed = update(live, pod({ managedFields: entries(live), labels: { a: '2', c: '1' } }), { manager: 'two', now: later });
    expect(entries(changed).map(({ manager, time, fieldsV1 }) => [manager, time, fieldsV1])).toEqual([
      ['one', now, { 'f:metadata': { 'f:labels': { '.': {}, 'f:c': {} } } }],
      ['two', later, { 'f:metadata': { 'f:labels': { 'f:a': {} } } }],
    ]);
  });

  test("a manager's writes add up, and the time is that of the last change", () => {
    const live = update(undefined, pod({ labels: { a: '1' } }));
    const changed = update(live, pod({ managedFields: entries(live), labels: { a: '1', b: '2' } }), { now: later });
    expect(entries(changed)).toMatchObject([
      { manager: 'm', time: later, fieldsV1: { 'f:metadata': { 'f:labels': { '.': {}, 'f:a': {}, 'f:b': {} } } } },
    ]);
  });

  test('a subresource has an entry of its own, and clients cannot forge entries through it', () => {
    const live = update(undefined, pod({ labels: { a: '1' } }, { nodeName: 'n' }));
    const status = { conditions: [{ type: 'Ready', status: 'True' }], phase: 'Running' };
    const changed = update(live, pod({ labels: { a: '1' }, managedFields: [] }, { nodeName: 'n' }, status), {
      manager: 'kubelet',
      subresource: 'status',
      now: later,
    });
    expect(entries(changed)).toHaveLength(2);
    expect(entries(changed)[1]).toMatchObject({
      manager: 'kubelet',
      subresource: 'status',
      fieldsV1: {
        'f:status': { 'f:conditions': { '.': {}, 'k:{"type":"Ready"}': { '.': {}, 'f:status': {}, 'f:type': {} } }, 'f:phase': {} },
      },
    });
  });

  test('the status is not owned through the main resource', () => {
    const live = update(undefined, pod({}, { nodeName: 'n' }, { phase: 'Pending' }));
    expect(entries(live)[0]?.fieldsV1).toEqual({ 'f:spec': { 'f:nodeName': {} } });
  });

  test('fields nobody owns are not recorded', () => {
    const live = update(undefined, pod({ namespace: 'd', uid: 'u', generation: 1, resourceVersion: '1', creationTimestamp: now }));
    expect(entries(live)).toEqual([]);
    expect(live.metadata).not.toHaveProperty('managedFields');
  });

  test('an object that is not tracked stays so, and one may ask not to be', () => {
    const untracked = pod({ uid: 'u', labels: { a: '1' } });
    expect(update(untracked, pod({ uid: 'u', labels: { a: '2' } }))).toEqual(pod({ uid: 'u', labels: { a: '2' } }));
    const live = update(undefined, pod({ uid: 'u', labels: { a: '1' } }));
    expect(entries(live)).toHaveLength(1);
    expect(entries(update(live, pod({ uid: 'u', labels: { a: '1' }, managedFields: [{}] })))).toEqual([]);
  });

  test('entries of a client that are not well formed do not count', () => {
    const live = update(undefined, pod({ labels: { a: '1' } }));
    for (const managedFields of [[{ manager: 'x', operation: 'Take' }], [{ ...entries(live)[0], fieldsV1: { 'q:x': {} } }]]) {
      expect(entries(update(live, pod({ labels: { a: '1' }, managedFields })))).toEqual(entries(live));
    }
  });

  test('the oldest of more than ten updaters share one entry', () => {
    let live = update(undefined, pod({ labels: { k0: '0' } }), { manager: 'm0' });
    for (let index = 1; index < 15; index++) {
      const labels = { ...live.metadata?.labels, [`k${index}`]: '1' };
      const time = `2026-01-01T00:00:${String(index).padStart(2, '0')}Z`;
      live = update(live, pod({ labels, managedFields: entries(live) }), { manager: `m${index}`, now: time });
      expect(entries(live).length).toBeLessThanOrEqual(10);
    }
    const ancient = entries(live).find(({ manager }) => manager === 'ancient-changes');
    expect(ancient?.fieldsV1).toMatchObject({ 'f:metadata': { 'f:labels': { 'f:k0': {} } } });
    expect(entries(live).at(-1)?.manager).toBe('m14');
  });

  describe('through a scale', () => {
    const definition = 'io.k8s.api.apps.v1.Deployment';
    const scaled = (live: Pod, replicas: number, manager: string): Pod => {
      const object = { ...live, spec: { ...live.spec, replicas } };
      return updateManagedFields({ live, object, manager, apiVersion: 'apps/v1', definition, subresource: 'scale', now: later });
    };
    const made = (spec: object): Pod => {
      const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', uid: 'u' }, spec };
      return updateManagedFields({ live: undefined, object, manager: 'm', apiVersion: 'apps/v1', definition, now });
    };
    const owners = (object: Pod) =>
      entries(object).map(({ manager, subresource, time, fieldsV1 }) => [manager, subresource, time, fieldsV1]);

    test('replicas get another owner, at a time that is not told', () => {
      expect(owners(scaled(made({ replicas: 1, paused: true }), 5, 'hpa'))).toEqual([
        ['hpa', 'scale', undefined, { 'f:spec': { 'f:replicas': {} } }],
        ['m', undefined, now, { 'f:spec': { 'f:paused': {} } }],
      ]);
    });

    test('nobody owns no replicas, and what nobody owns gets no owner', () => {
      const none = scaled(made({ replicas: 1, paused: true }), 0, 'hpa');
      expect(owners(none)).toEqual([['m', undefined, now, { 'f:spec': { 'f:paused': {} } }]]);
      expect(owners(scaled(none, 3, 'hpa'))).toEqual(owners(none));
    });
  });

  test('an empty list that Go writes has an owner, and one that is not there has none', () => {
    const role = (more: object): Pod => {
      const object = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'r' }, ...more };
      const definition = 'io.k8s.api.rbac.v1.Role';
      return updateManagedFields({ live: undefined, object, manager: 'm', apiVersion: object.apiVersion, definition, now });
    };
    expect(entries(role({ rules: [] }))).toMatchObject([{ fieldsV1: { 'f:rules': {} } }]);
    expect(entries(role({}))).toEqual([]);
    expect(entries(role({ rules: null }))).toEqual([]);
  });
});
