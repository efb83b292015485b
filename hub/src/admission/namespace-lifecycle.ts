import { isNotFound, notFound, StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { AdmissionAttributes } from '#registry/generic/types.ts';
import { type AdmissionEnv, type AdmissionPlugin, isResource, refuse } from './plugin.ts';

const immortal: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/** Nothing is made in a namespace that is not there or on its way out, and the namespaces everything leans on stay. */
export function namespaceLifecycle({ registry }: AdmissionEnv): AdmissionPlugin {
  const find = (attributes: AdmissionAttributes): KubeObject | undefined => {
    try {
      return registry().resource('', 'namespaces').get(attributes.ctx, '', attributes.namespace).object;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  return {
    name: 'NamespaceLifecycle',
    mutate(attributes) {
      const { definition, operation, namespace, name, subresource } = attributes;
      if (operation === 'DELETE' && isResource(attributes, 'namespaces') && immortal.has(name)) {
        throw refuse(attributes, 'this namespace may not be deleted');
      }
      if (operation !== 'CREATE' || !definition.namespaced || subresource !== '') return;
      const found = find(attributes);
      if (!found) throw notFound({ group: '', resource: 'namespaces' }, namespace);
      if (found.metadata?.deletionTimestamp === undefined) return;
      const refusal = refuse(attributes, `unable to create new content in namespace ${namespace} because it is being terminated`);
      const cause = { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' };
      throw new StatusError(refusal.code, refusal.reason, refusal.message, { ...refusal.details, causes: [cause] });
    },
  };
}
