import type { Binding, Pod } from '@flotilla/shared/api/generated/types.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { Registry, RequestContext, UserInfo } from '#registry/generic/types.ts';
import type { Informers } from './informers.ts';
import type { Client, ResourceClient } from './types.ts';

export interface ClientOptions {
  readonly registry: Registry;
  readonly informers: Informers;
  readonly user: UserInfo;
  /** Warnings that an HTTP client would see in its headers go here. */
  readonly logger: Logger;
}

/** A client of the hub's own with an identity; what it writes is admitted and validated like anybody's. */
export function createClient({ registry, informers, user, logger }: ClientOptions): Client {
  const ctx: RequestContext = {
    user,
    userAgent: user.name.slice(user.name.lastIndexOf(':') + 1),
    warn: (message) => logger.debug('warning from the registry', { message, user: user.name }),
  };
  const wrote = <Result>(result: Result): Result => {
    informers.wrote(user.name);
    return result;
  };
  return {
    informer: (group, resource) => informers.informer(group, resource),
    synced: (signal) => informers.synced(signal),
    resource<T extends KubeObject>(group: string, resource: string): ResourceClient<T> {
      const of = registry.resource<T>(group, resource);
      return {
        create: async (namespace, object) => wrote(await of.create(ctx, namespace, object)).object,
        update: async (namespace, name, update) => wrote(await of.update(ctx, namespace, name, update)).object.object,
        updateStatus: async (namespace, name, update) =>
          wrote(await of.update(ctx, namespace, name, update, { subresource: 'status' })).object.object,
        updateSubresource: async (namespace, name, subresource, update) =>
          wrote(await of.update(ctx, namespace, name, update, { subresource })).object.object,
        delete: async (namespace, name, options) => void wrote(await of.delete(ctx, namespace, name, options)),
      };
    },
    resources: () =>
      registry
        .resources()
        .map(({ definition }) => definition)
        .filter(({ viewOf }) => viewOf === undefined),
    async bind(namespace, pod, uid, node) {
      const pods = registry.resource<Pod>('', 'pods');
      const apply = pods.definition.subresources?.find(({ name }) => name === 'binding')?.apply;
      const metadata = { name: pod, namespace, uid };
      const binding: Binding = { apiVersion: 'v1', kind: 'Binding', metadata, target: { kind: 'Node', name: node } };
      if (!apply) throw new Error('pods have no binding subresource');
      wrote(
        await pods.update(ctx, namespace, pod, (current) => apply(current, binding), { subresource: 'binding', preconditions: { uid } }),
      );
    },
  };
}

/** The service account a controller writes as, with the groups Kubernetes puts it in. */
export function controllerUser(name: string): UserInfo {
  return {
    name: `system:serviceaccount:kube-system:${name}`,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
  };
}

export const schedulerUser: UserInfo = { name: 'system:kube-scheduler', groups: ['system:authenticated'] };
