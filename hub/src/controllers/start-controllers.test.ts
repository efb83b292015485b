import type { ConfigMap, Namespace, Node, Pod, ServiceAccount } from '@flotilla/shared/api/generated/types.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { afterEach, describe, expect, it } from 'vitest';
import { ControlPlane, type ControlPlaneOptions } from '../../../test/harness/control-plane.ts';
import { pod } from '../../../test/harness/workloads.ts';
import { selectControllers } from './selection.ts';
import { controllerNames } from './start-controllers.ts';

let plane: ControlPlane;
async function start(options: ControlPlaneOptions = {}): Promise<void> {
  plane = await ControlPlane.start(options);
}
afterEach(() => plane?.stop());
const informer = <T extends KubeObject>(resource: string) => plane.client.informer<T>('', resource);
const resource = <T extends KubeObject>(name: string) => plane.client.resource<T>('', name);
const configMap = (name: string, metadata: KubeObject['metadata'] = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
});

describe('namespaces', () => {
  it('each have a default service account and the CA, and get them back', async () => {
    await start();
    await resource('namespaces').create('', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
    const there = (): boolean =>
      informer<ServiceAccount>('serviceaccounts').get('team/default') !== undefined &&
      informer<ConfigMap>('configmaps').get('team/kube-root-ca.crt')?.data?.['ca.crt'] === 'the CA';
    await plane.until('both are there', there);
    await resource('serviceaccounts').delete('team', 'default');
    await resource<ConfigMap>('configmaps').update('team', 'kube-root-ca.crt', (current) => ({
      ...current,
      data: { 'ca.crt': 'forged' },
    }));
    await plane.until('both are back', there);
  });

  it('go when their content is gone, pods first and with their grace', async () => {
    await start();
    await plane.addNode('a');
    await resource('namespaces').create('', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
    await plane.until('pods may be made in it', () => informer('serviceaccounts').get('team/default') !== undefined);
    await resource<ConfigMap>('configmaps').create('team', configMap('held', { finalizers: ['example.com/hold'] }));
    await resource<Pod>('pods').create('team', { ...pod('p'), metadata: { name: 'p' } });
    await plane.until('the pod runs', () => plane.pods('team')[0]?.status?.phase === 'Running');
    plane.liveness.set('a', false);
    await resource('namespaces').delete('', 'team');
    const conditions = () => informer<Namespace>('namespaces').get('team')?.status?.conditions ?? [];
    await plane.until(
      'it waits for the pod',
      () => plane.pods('team')[0]?.metadata?.deletionTimestamp !== undefined && conditions().length > 0,
    );
    expect(informer<ConfigMap>('configmaps').get('team/held')?.metadata?.deletionTimestamp).toBeUndefined();
    plane.liveness.set('a', true);
    await plane.until('it waits for the finalizer', () => conditions().some(({ reason }) => reason === 'SomeFinalizersRemain'));
    const remaining = conditions().find(({ type }) => type === 'NamespaceContentRemaining');
    expect(remaining).toMatchObject({ status: 'True', message: 'Some resources are remaining: configmaps. has 1 resource instances' });
    await resource<ConfigMap>('configmaps').update('team', 'held', (current) => ({
      ...current,
      metadata: { ...current.metadata, finalizers: [] },
    }));
    await plane.until('it is gone', () => informer('namespaces').get('team') === undefined);
    expect(informer('configmaps').list('team')).toEqual([]);
  });
});

describe('garbage collector', () => {
  const owned = async (name: string, owner: KubeObject, blockOwnerDeletion = false): Promise<void> => {
    const { name: ownerName = '', uid = '' } = owner.metadata ?? {};
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: ownerName, uid, blockOwnerDeletion }];
    await resource<ConfigMap>('configmaps').create('default', configMap(name, { ownerReferences }));
  };
  const get = (name: string) => informer<ConfigMap>('configmaps').get(`default/${name}`);

  it('deletes what has no owner any more, by uid', async () => {
    await start();
    const first = await resource<ConfigMap>('configmaps').create('default', configMap('owner'));
    await owned('child', first);
    await owned('grandchild', get('child') as ConfigMap);
    await plane.clock.advance(5000);
    expect(get('grandchild')).toBeDefined();
    // The same name with another uid is another owner.
    await resource('configmaps').delete('default', 'owner');
    await resource<ConfigMap>('configmaps').create('default', configMap('owner'));
    await plane.until('both are gone', () => !get('child') && !get('grandchild'));
    expect(get('owner')).toBeDefined();
  });

  it('orphans when asked, and waits for blocking dependents when asked', async () => {
    await start();
    await owned('free', await resource<ConfigMap>('configmaps').create('default', configMap('one')));
    await resource('configmaps').delete('default', 'one', { propagationPolicy: 'Orphan' });
    await plane.until('the owner is gone', () => !get('one'));
    expect(get('free')?.metadata?.ownerReferences ?? []).toEqual([]);

    await owned('blocking', await resource<ConfigMap>('configmaps').create('default', configMap('two')), true);
    const order: string[] = [];
    informer<ConfigMap>('configmaps').on({ deleted: ({ metadata }) => order.push(metadata?.name ?? '') });
    await resource('configmaps').delete('default', 'two', { propagationPolicy: 'Foreground' });
    await plane.until('both are gone', () => !get('two') && !get('blocking'));
    expect(order).toEqual(['blocking', 'two']);
  });

  it('lets an owner go once its dependent blocks it no longer', async () => {
    await start();
    await owned('blocking', await resource<ConfigMap>('configmaps').create('default', configMap('owner')), true);
    await resource<ConfigMap>('configmaps').update('default', 'blocking', (current) => ({
      ...current,
      metadata: { ...current.metadata, finalizers: ['example.com/hold'] },
    }));
    await resource('configmaps').delete('default', 'owner', { propagationPolicy: 'Foreground' });
    await plane.until('the dependent waits', () => get('blocking')?.metadata?.deletionTimestamp !== undefined);
    expect(get('owner')).toBeDefined();
    await resource<ConfigMap>('configmaps').update('default', 'blocking', (current) => ({
      ...current,
      metadata: { ...current.metadata, ownerReferences: [] },
    }));
    await plane.until('the owner is gone', () => !get('owner'), 5000);
    expect(get('blocking')).toBeDefined();
  });

  it('deletes a circle of owners that block each other', async () => {
    await start();
    const first = await resource<ConfigMap>('configmaps').create('default', configMap('one'));
    await owned('two', first, true);
    await owned('three', get('two') as ConfigMap, true);
    const { name = '', uid = '' } = get('three')?.metadata ?? {};
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid, blockOwnerDeletion: true }];
    await resource<ConfigMap>('configmaps').update('default', 'one', (current) => ({
      ...current,
      metadata: { ...current.metadata, ownerReferences },
    }));
    await resource('configmaps').delete('default', 'one', { propagationPolicy: 'Foreground' });
    await plane.until('all are gone', () => !get('one') && !get('two') && !get('three'), 5000);
  });

  it('leaves alone what has another owner, or an owner of a kind it does not know', async () => {
    await start();
    const keep = await resource<ConfigMap>('configmaps').create('default', configMap('keep'));
    const refs = [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'keep', uid: keep.metadata?.uid ?? '' },
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'x' },
    ];
    await resource<ConfigMap>('configmaps').create('default', configMap('shared', { ownerReferences: refs }));
    const odd = [{ apiVersion: 'example.com/v1', kind: 'Odd', name: 'o', uid: 'y' }];
    await resource<ConfigMap>('configmaps').create('default', configMap('odd', { ownerReferences: odd }));
    await plane.until('the dead reference is dropped', () => get('shared')?.metadata?.ownerReferences?.length === 1);
    await plane.clock.advance(5000);
    expect(get('odd')).toBeDefined();
  });
});

describe('pods of a node object that was deleted', () => {
  it('go after the quarantine, unless the node comes back', async () => {
    await start();
    await plane.addNode('a');
    await resource<Pod>('pods').create('default', pod('p'));
    await plane.until('it runs', () => plane.pods()[0]?.status?.phase === 'Running');
    plane.liveness.set('a', false);
    await plane.clock.advance(600_000);
    expect(plane.pods()).toHaveLength(1);
    await resource('nodes').delete('', 'a');
    await plane.clock.advance(30_000);
    await plane.addNode('a');
    await plane.clock.advance(120_000);
    expect(plane.pods()).toHaveLength(1);
    await resource('nodes').delete('', 'a');
    await plane.until('it is gone', () => plane.pods().length === 0);
  });
});

describe('pod addresses', () => {
  it('are given to each node without overlap, and kept', async () => {
    await start();
    for (const name of ['a', 'b', 'c']) await plane.addNode(name);
    const cidrs = () =>
      informer<Node>('nodes')
        .list()
        .map(({ spec }) => spec?.podCIDR);
    await plane.until('all have theirs', () => cidrs().every(Boolean));
    expect(cidrs()).toEqual(['100.64.0.0/26', '100.64.0.64/26', '100.64.0.128/26']);
    await resource('nodes').delete('', 'b');
    await plane.addNode('d');
    await plane.until('the new one has its', () => cidrs().every(Boolean));
    expect(new Set(cidrs()).size).toBe(3);
  });
});

describe('--controllers', () => {
  it('selects as kube-controller-manager does', () => {
    const on = (...selection: string[]) => selectControllers(selection, controllerNames).size;
    expect(on('*')).toBe(controllerNames.length);
    expect(on('*', '-namespace-controller')).toBe(controllerNames.length - 1);
    expect(on('namespace-controller')).toBe(1);
    expect([...selectControllers(['-*', 'podgc'], controllerNames)]).toEqual(['pod-garbage-collector-controller']);
    expect(on('-*')).toBe(0);
    expect(on('-namespace', '*', 'namespace')).toBe(controllerNames.length);
    expect(() => on('*', '-nonsense')).toThrow('"nonsense" is not in the list of known controllers');
  });
});
