import { silentLogger } from '@flotilla/shared/log/logger.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { controllerUser } from '#client/client.ts';
import { type RegistryFixture, registryFixture } from '#registry/generic/registry-fixture.ts';
import type { Registry, RequestContext, ResourceDefinition, UserInfo } from '#registry/generic/types.ts';
import { createRbacAuthorizer } from '../rbac/rbac-authorizer.ts';
import { RolesFixture } from '../rbac/roles-fixture.ts';
import { authorizedRegistry } from './authorized-registry.ts';
import { linkAuthorizer } from './link-authorizer.ts';
import { mastersAuthorizer } from './masters-authorizer.ts';
import { chain } from './types.ts';

const kind = (name: string, namespaced: boolean): ResourceDefinition => ({
  group: '',
  version: 'v1',
  kind: name,
  resource: `${name.toLowerCase()}s`,
  singular: name.toLowerCase(),
  namespaced,
  schema: `io.k8s.api.core.v1.${name}`,
  strategy: { validate: () => [], validateUpdate: () => [] },
  columns: [],
});

let hub: RegistryFixture;
let own: Registry;
const refused: string[] = [];
beforeEach(async () => {
  refused.length = 0;
  hub = await registryFixture([kind('Pod', true), kind('Secret', true), kind('Node', false)]);
  const authorizer = chain([mastersAuthorizer, linkAuthorizer, createRbacAuthorizer(new RolesFixture().withDefaults().resolver)]);
  const logger = {
    ...silentLogger,
    warn: (_message: string, fields?: Record<string, unknown>) => void refused.push(String(fields?.['error'])),
  };
  own = authorizedRegistry({ registry: hub.registry, authorizer: () => authorizer, logger });
});
afterEach(() => hub.close());

const as = (user: UserInfo): RequestContext => ({ user, warn: () => {} });
const forbidden = expect.objectContaining({ code: 403, reason: 'Forbidden' });

test('a part of the hub writes what the role of its account allows', async () => {
  const ctx = as(controllerUser('replicaset-controller'));
  const pods = own.resource('', 'pods');
  await pods.create(ctx, 'site', { metadata: { name: 'a' } });
  // The role has patch and not update: a change in process begins with what stands now.
  await pods.update(ctx, 'site', 'a', (pod) => ({ ...pod, metadata: { ...pod.metadata, labels: { a: 'b' } } }));
  await pods.delete(ctx, 'site', 'a', { gracePeriodSeconds: 0 });
  expect(refused).toEqual([]);
});

test('what no role allows is refused, and told', async () => {
  const ctx = as(controllerUser('replicaset-controller'));
  const secrets = own.resource('', 'secrets');
  await expect(secrets.create(ctx, 'site', { metadata: { name: 's' } })).rejects.toEqual(forbidden);
  await expect(secrets.update(ctx, 'site', 's', (secret) => secret)).rejects.toEqual(forbidden);
  await expect(secrets.delete(ctx, 'site', 's')).rejects.toEqual(forbidden);
  await expect(secrets.deleteCollection(ctx, 'site', {})).rejects.toEqual(forbidden);
  expect(refused[0]).toBe(
    'StatusError: secrets "s" is forbidden: User "system:serviceaccount:kube-system:replicaset-controller" cannot create resource "secrets" in API group "" in the namespace "site"',
  );
  expect(refused).toHaveLength(4);
});

test('an account counts in its own namespace, and an administrator everywhere', async () => {
  const link = as(controllerUser('node-controller'));
  const secrets = own.resource('', 'secrets');
  await secrets.create(link, 'kube-system', { metadata: { name: 'flotilla-board-a' } });
  await expect(secrets.create(link, 'site', { metadata: { name: 's' } })).rejects.toEqual(forbidden);
  await secrets.create(hub.ctx, 'site', { metadata: { name: 's' } });
});

test('over its link a board makes its Node, and nothing else of the cluster', async () => {
  const board = as({ name: 'system:node:pi', groups: ['system:nodes', 'system:authenticated'] });
  await own.resource('', 'nodes').create(board, '', { metadata: { name: 'pi' } });
  await expect(own.resource('', 'nodes').delete(board, '', 'pi')).rejects.toEqual(forbidden);
  await expect(own.resource('', 'secrets').create(board, 'site', { metadata: { name: 's' } })).rejects.toEqual(forbidden);
  const impostor = as({ name: 'system:node:pi', groups: ['system:authenticated'] });
  await expect(own.resource('', 'nodes').create(impostor, '', { metadata: { name: 'pi' } })).rejects.toEqual(forbidden);
});
