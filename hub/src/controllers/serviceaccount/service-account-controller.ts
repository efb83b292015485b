import type { Namespace, ServiceAccount } from '@flotilla/shared/api/generated/types.js';
import { isAlreadyExists } from '@flotilla/shared/errors/status.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import { type Controller, type ControllerEnv, isNamespaceTerminating } from '../controller.ts';

/** Every active namespace has a service account `default`. Keys are namespaces. */
export function createServiceAccountController({ client }: ControllerEnv): Controller {
  const namespaces = client.informer<Namespace>('', 'namespaces');
  const accounts = client.informer<ServiceAccount>('', 'serviceaccounts');
  const resource = client.resource<ServiceAccount>('', 'serviceaccounts');
  return {
    watch(queue) {
      namespaces.on({ added: (it) => queue.add(objectKey(it)), updated: (it) => queue.add(objectKey(it)) });
      accounts.on({ deleted: (it) => queue.add(it.metadata?.namespace ?? '') });
    },
    keys: () => namespaces.list().map(objectKey),
    async reconcile(key) {
      const namespace = namespaces.get(key);
      if (!namespace || namespace.metadata?.deletionTimestamp || accounts.get(`${key}/default`)) return undefined;
      try {
        await resource.create(key, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: key } });
      } catch (error) {
        if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error;
      }
      return undefined;
    },
  };
}
