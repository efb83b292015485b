import type { Endpoints } from '@flotilla/shared/api/generated/types.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import { type Controller, type ControllerEnv, isNamespaceTerminating } from '../controller.ts';
import { ServicePods } from '../service-pods.ts';
import { controllerName, endpointsLabels, managedByLabel, planSubsets } from './plan.ts';

const overCapacity = 'endpoints.kubernetes.io/over-capacity';

/** Every Service with a selector has an Endpoints of its name, for clients from before EndpointSlices. */
export function createEndpointsController({ client }: ControllerEnv): Controller {
  const pods = new ServicePods(client);
  const endpoints = client.informer<Endpoints>('', 'endpoints');
  const resource = client.resource<Endpoints>('', 'endpoints');
  const isOurs = ({ metadata }: Endpoints): boolean => metadata?.labels?.[managedByLabel] === controllerName;
  return {
    workers: 2,
    watch(queue) {
      pods.watch(queue);
      const look = (one: Endpoints): void => queue.add(objectKey(one));
      endpoints.on({ updated: look, deleted: look });
    },
    *keys() {
      for (const service of pods.services.list()) yield objectKey(service);
      for (const one of endpoints.list()) if (isOurs(one)) yield objectKey(one);
    },
    async reconcile(key) {
      const service = pods.services.get(key);
      const there = endpoints.get(key);
      const [namespace = '', name = ''] = key.split('/');
      if (!service) {
        if (there && isOurs(there)) await resource.delete(namespace, name).catch(unlessGone);
        return undefined;
      }
      const selected = pods.podsOf(service);
      if (!selected || service.metadata?.deletionTimestamp) return undefined;
      const { subsets, truncated } = planSubsets(service, selected);
      const wanted = (current: Endpoints): Endpoints => {
        const { [overCapacity]: _old, ...others } = current.metadata?.annotations ?? {};
        const annotations = { ...others, ...(truncated ? { [overCapacity]: 'truncated' } : {}) };
        const metadata = { ...current.metadata, labels: endpointsLabels(service), annotations };
        return { ...current, metadata, subsets };
      };
      try {
        if (!there) {
          await resource.create(namespace, wanted({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name, namespace } }));
        } else if (says(wanted(there)) !== says(there)) await resource.update(namespace, name, wanted);
      } catch (error) {
        if (!isNamespaceTerminating(error)) throw error;
      }
      return undefined;
    },
  };
}

function unlessGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

/** The order of keys aside: an object that was read may have another one. */
function says({ metadata, subsets = [] }: Endpoints): string {
  return JSON.stringify([sorted(metadata?.labels ?? {}), sorted(metadata?.annotations ?? {}), sorted(subsets)]);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
