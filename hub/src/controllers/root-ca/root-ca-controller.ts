import type { ConfigMap, Namespace } from '@flotilla/shared/api/generated/types.js';
import { isAlreadyExists } from '@flotilla/shared/errors/status.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import { type Controller, type ControllerEnv, isNamespaceTerminating } from '../controller.ts';

const name = 'kube-root-ca.crt';

/** Every active namespace has a ConfigMap `kube-root-ca.crt` with the CA that the API server's certificate chains to. */
export function createRootCaController({ client }: ControllerEnv, caPem: string): Controller {
  const namespaces = client.informer<Namespace>('', 'namespaces');
  const configMaps = client.informer<ConfigMap>('', 'configmaps');
  const resource = client.resource<ConfigMap>('', 'configmaps');
  const right = (map: ConfigMap): boolean => map.data?.['ca.crt'] === caPem && Object.keys(map.data).length === 1;
  return {
    watch(queue) {
      namespaces.on({ added: (it) => queue.add(objectKey(it)), updated: (it) => queue.add(objectKey(it)) });
      const changed = (map: ConfigMap): void => {
        if (map.metadata?.name === name) queue.add(map.metadata.namespace ?? '');
      };
      configMaps.on({ updated: changed, deleted: changed });
    },
    keys: () => namespaces.list().map(objectKey),
    async reconcile(key) {
      const namespace = namespaces.get(key);
      if (!namespace || namespace.metadata?.deletionTimestamp) return undefined;
      const there = configMaps.get(`${key}/${name}`);
      if (there && right(there)) return undefined;
      const data = { 'ca.crt': caPem };
      try {
        if (there) await resource.update(key, name, (current) => ({ ...current, data }));
        else await resource.create(key, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: key }, data });
      } catch (error) {
        if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error;
      }
      return undefined;
    },
  };
}
