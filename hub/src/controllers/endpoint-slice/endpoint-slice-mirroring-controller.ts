import type { EndpointSlice, Endpoints, Service } from '@flotilla/shared/api/generated/types.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import { type Controller, type ControllerEnv, isNamespaceTerminating } from '../controller.ts';
import { controllerRef } from '../ownership.ts';
import { isMirrored, mirrorAnnotations, mirrorLabels, mirrorName, planMirror } from './mirror-plan.ts';
import { managedByLabel, type SliceContent, serviceNameLabel } from './plan.ts';

const byEndpoints = 'endpoints';

/** The Endpoints that a mirrored slice belongs to. */
function ownerKey({ metadata }: EndpointSlice): string | undefined {
  const { [serviceNameLabel]: name, [managedByLabel]: by } = metadata?.labels ?? {};
  return by === mirrorName && name ? `${metadata?.namespace}/${name}` : undefined;
}

/** Endpoints that somebody keeps for a Service without a selector are told as EndpointSlices too: only those are read by proxies. */
export function createEndpointSliceMirroringController({ client }: ControllerEnv): Controller {
  const services = client.informer<Service>('', 'services');
  const endpoints = client.informer<Endpoints>('', 'endpoints');
  const slices = client.informer<EndpointSlice>('discovery.k8s.io', 'endpointslices');
  const resource = client.resource<EndpointSlice>('discovery.k8s.io', 'endpointslices');
  slices.index(byEndpoints, (slice) => [ownerKey(slice) ?? '']);

  /** Undefined where nothing is to be told, and what was told goes. */
  const mirrored = (key: string): Endpoints | undefined => {
    const [found, service] = [endpoints.get(key), services.get(key)];
    return found && service && service.spec?.selector === undefined && isMirrored(found) ? found : undefined;
  };

  const make = (owner: Endpoints, { addressType, endpoints: list, ports }: SliceContent): Promise<EndpointSlice> => {
    const { name = '', namespace = '' } = owner.metadata ?? {};
    return resource.create(namespace, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        generateName: `${name}-`,
        namespace,
        labels: mirrorLabels(owner),
        annotations: mirrorAnnotations(owner),
        ownerReferences: [controllerRef(owner, 'v1', 'Endpoints')],
      },
      addressType,
      endpoints: [...list],
      ports: [...ports],
    });
  };

  const remove = async (namespace: string, name: string): Promise<void> => {
    await resource.delete(namespace, name).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  };

  return {
    workers: 2,
    watch(queue) {
      const self = (object: Endpoints | Service): void => queue.add(objectKey(object));
      services.on({ added: self, updated: self, deleted: self });
      endpoints.on({ added: self, updated: self, deleted: self });
      const look = (slice: EndpointSlice): void => {
        const key = ownerKey(slice);
        if (key) queue.add(key);
      };
      slices.on({ added: look, updated: look, deleted: look });
    },
    keys: () => endpoints.list().map(objectKey),
    async reconcile(key) {
      const own = slices.byIndex(byEndpoints, key).filter(({ metadata }) => !metadata?.deletionTimestamp);
      const owner = mirrored(key);
      const [namespace = ''] = key.split('/');
      const plan = owner ? planMirror(owner, own) : { create: [], update: [], remove: own.map(({ metadata }) => metadata?.name ?? '') };
      try {
        if (owner) for (const content of plan.create) await make(owner, content);
        for (const { name, content } of plan.update) {
          if (!owner) continue;
          const metadata = { labels: mirrorLabels(owner), annotations: mirrorAnnotations(owner) };
          await resource.update(namespace, name, (current) => ({
            ...current,
            metadata: { ...current.metadata, ...metadata },
            endpoints: [...content.endpoints],
          }));
        }
        for (const name of plan.remove) await remove(namespace, name);
      } catch (error) {
        if (!isNamespaceTerminating(error) && !isNotFound(error)) throw error;
      }
      return undefined;
    },
  };
}
