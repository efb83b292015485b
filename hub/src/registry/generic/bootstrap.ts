import { isAlreadyExists } from '@flotilla/shared/errors/status.js';
import type { Registry, RequestContext } from './types.ts';

const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const ctx: RequestContext = {
  user: { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] },
  userAgent: 'flotilla-hub',
  warn: () => {},
};

/** Makes what every cluster has from the start; what is there already stays as it is. */
export async function bootstrap(registry: Registry): Promise<void> {
  const namespaces = registry.resource('', 'namespaces');
  for (const name of systemNamespaces) {
    try {
      await namespaces.create(ctx, '', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
}
