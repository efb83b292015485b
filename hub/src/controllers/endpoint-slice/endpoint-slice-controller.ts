import type { EndpointSlice, Node, Service } from '@flotilla/shared/api/generated/types.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import { type Controller, type ControllerEnv, isNamespaceTerminating } from '../controller.ts';
import { controllerRef } from '../ownership.ts';
import { ServicePods } from '../service-pods.ts';
import { controllerName, managedByLabel, planSlices, type SliceContent, serviceNameLabel, sliceLabels } from './plan.ts';

const byService = 'service';
const zoneLabel = 'topology.kubernetes.io/zone';
/** A name of a Service has at most 63 letters, and a suffix is still to come. */
const sliceName = (service: string): string => `${service}-`;

/** The service that a slice of this controller belongs to. */
function ownerKey({ metadata }: EndpointSlice): string | undefined {
  const { [serviceNameLabel]: service, [managedByLabel]: by } = metadata?.labels ?? {};
  return by === controllerName && service ? `${metadata?.namespace}/${service}` : undefined;
}

/** Every Service with a selector has EndpointSlices that say which pods stand behind it, ready or not. */
export function createEndpointSliceController({ client }: ControllerEnv): Controller {
  const pods = new ServicePods(client);
  const slices = client.informer<EndpointSlice>('discovery.k8s.io', 'endpointslices');
  const nodes = client.informer<Node>('', 'nodes');
  const resource = client.resource<EndpointSlice>('discovery.k8s.io', 'endpointslices');
  slices.index(byService, (slice) => [ownerKey(slice) ?? '']);
  const zoneOf = (node: string): string | undefined => nodes.get(node)?.metadata?.labels?.[zoneLabel];

  const make = (service: Service, { addressType, endpoints, ports }: SliceContent): Promise<EndpointSlice> => {
    const { name = '', namespace = '' } = service.metadata ?? {};
    return resource.create(namespace, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        generateName: sliceName(name),
        namespace,
        labels: sliceLabels(service),
        ownerReferences: [controllerRef(service, 'v1', 'Service')],
      },
      addressType,
      endpoints: [...endpoints],
      ports: [...ports],
    });
  };

  return {
    workers: 2,
    watch(queue) {
      pods.watch(queue);
      // What somebody else did to a slice is put right.
      const look = (slice: EndpointSlice): void => {
        const key = ownerKey(slice);
        if (key) queue.add(key);
      };
      slices.on({ updated: look, deleted: look });
      nodes.on({
        updated: ({ metadata }, old) => {
          if (metadata?.labels?.[zoneLabel] === old.metadata?.labels?.[zoneLabel]) return;
          for (const service of pods.services.list()) queue.addAfter(objectKey(service), 1000);
        },
      });
    },
    keys: () => pods.services.list().map(objectKey),
    async reconcile(key) {
      const service = pods.services.get(key);
      const selected = service && pods.podsOf(service);
      if (!service || !selected || service.metadata?.deletionTimestamp) return undefined;
      const namespace = service.metadata?.namespace ?? '';
      const uid = service.metadata?.uid;
      const all = slices.byIndex(byService, key).filter(({ metadata }) => !metadata?.deletionTimestamp);
      // Those of a Service of the same name that was deleted are the garbage collector's.
      const own = all.filter(({ metadata }) => metadata?.ownerReferences?.some((owner) => owner.uid === uid));
      const plan = planSlices({ service, pods: selected, slices: own, zoneOf });
      const labels = sliceLabels(service);
      const updates = new Map(plan.update.map(({ name, endpoints }) => [name, endpoints]));
      try {
        for (const content of plan.create) await make(service, content);
        for (const { metadata } of own) {
          const name = metadata?.name ?? '';
          const endpoints = updates.get(name);
          if (plan.remove.includes(name) || (!endpoints && sameLabels(metadata?.labels, labels))) continue;
          await resource.update(namespace, name, (current) => ({
            ...current,
            metadata: { ...current.metadata, labels },
            ...(endpoints ? { endpoints: [...endpoints] } : {}),
          }));
        }
        for (const name of plan.remove) {
          await resource.delete(namespace, name).catch((error: unknown) => {
            if (!isNotFound(error)) throw error;
          });
        }
      } catch (error) {
        if (!isNamespaceTerminating(error)) throw error;
      }
      return undefined;
    },
  };
}

function sameLabels(left: Readonly<Record<string, string>> = {}, right: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}
