import type { Namespace, Pod, ServiceAccount } from '@flotilla/shared/api/generated/types.js';
import { afterEach, expect, it } from 'vitest';
import { createAdmission } from '#admission/create-admission.ts';
import { namespaces } from '#registry/core/namespace.ts';
import { pods } from '#registry/core/pod.ts';
import { serviceAccounts } from '#registry/core/service-account.ts';
import { type RegistryFixture, registryFixture } from './registry-fixture.ts';
import type { RequestContext } from './types.ts';

let opened: RegistryFixture | undefined;
afterEach(() => opened?.close());

const lost: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web-1',
    namespace: 'default',
    uid: '11111111-2222-4333-8444-555555555555',
    creationTimestamp: '2025-05-05T05:05:05Z',
    generation: 7,
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'gone', controller: true }],
  },
  spec: {
    nodeName: 'board',
    serviceAccountName: 'default',
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    terminationGracePeriodSeconds: 5,
    containers: [{ name: 'main', image: 'busybox', imagePullPolicy: 'Never', terminationMessagePolicy: 'File' }],
  },
  status: { phase: 'Running' },
};

async function fixture() {
  opened = await registryFixture([pods, namespaces, serviceAccounts], {
    admission: (registry) => createAdmission({ registry, clock: opened?.clock as never, random: { next: () => 0 } as never }),
  });
  const { registry, ctx } = opened;
  const recovering: RequestContext = { ...ctx, recovered: true };
  await registry.resource<Namespace>('', 'namespaces').create(ctx, '', { metadata: { name: 'default' } });
  return { ctx, recovering, pods: registry.resource<Pod>('', 'pods'), accounts: registry.resource<ServiceAccount>('', 'serviceaccounts') };
}

it('makes an object again as it was: uid, times, generation and status stay, nothing is filled in', async () => {
  const { ctx, recovering, pods: resource, accounts } = await fixture();
  await accounts.create(ctx, 'default', { metadata: { name: 'default' } });
  const { object } = await resource.create(recovering, 'default', lost);
  const { resourceVersion, managedFields: _fields, ...metadata } = object.metadata ?? {};
  expect({ ...object, metadata }).toEqual(lost);
  expect(resourceVersion).toMatch(/^\d+$/);
  // What comes from outside is a new object, whatever it says.
  const fresh = await resource.create(ctx, 'default', { ...lost, metadata: { ...lost.metadata, name: 'web-2' } });
  expect(fresh.object.metadata?.uid).not.toBe(lost.metadata?.uid);
  expect(fresh.object.status?.phase).toBe('Pending');
  expect(fresh.object.spec?.volumes).toHaveLength(1);
});

it('still refuses what has no place, is not valid or was not an object', async () => {
  const { ctx, recovering, pods: resource, accounts } = await fixture();
  await expect(resource.create(recovering, 'default', lost)).rejects.toThrow('serviceaccount "default" not found');
  await accounts.create(ctx, 'default', { metadata: { name: 'default' } });
  await expect(resource.create(recovering, 'other', { ...lost, metadata: { ...lost.metadata, namespace: 'other' } })).rejects.toThrow(
    'not found',
  );
  await expect(resource.create(recovering, 'default', { ...lost, spec: { containers: [] } })).rejects.toThrow('spec.containers');
  const { uid: _uid, ...metadata } = lost.metadata ?? {};
  await expect(resource.create(recovering, 'default', { ...lost, metadata })).rejects.toThrow('has a uid');
});
