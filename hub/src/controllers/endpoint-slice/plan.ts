import type { DiscoveryEndpointPort, Endpoint, EndpointSlice, Pod, Service } from '@flotilla/shared/api/generated/types.js';
import { isReady } from '../pod-state.ts';
import { addressOf, hostnameOf, isEndpoint, isHeadless, targetOf, targetPortOf } from '../service-pods.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const controllerName = 'endpointslice-controller.k8s.io';
const headlessLabel = 'service.kubernetes.io/headless';
/** As kube-controller-manager's --max-endpoints-per-slice is by default. */
const maxEndpoints = 100;

export interface SliceContent {
  readonly addressType: string;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly DiscoveryEndpointPort[];
}

export interface SlicePlan {
  readonly create: readonly SliceContent[];
  readonly update: readonly { readonly name: string; readonly endpoints: readonly Endpoint[] }[];
  readonly remove: readonly string[];
}

export interface SliceWorld {
  readonly service: Service;
  readonly pods: readonly Pod[];
  /** The slices of the service that this controller made. */
  readonly slices: readonly EndpointSlice[];
  readonly zoneOf: (node: string) => string | undefined;
}

/** The labels of a Service's slices: its own, and what says whose they are. */
export function sliceLabels(service: Service): Record<string, string> {
  const { [serviceNameLabel]: _name, [managedByLabel]: _by, [headlessLabel]: _headless, ...own } = service.metadata?.labels ?? {};
  const headless: Record<string, string> = isHeadless(service) ? { [headlessLabel]: '' } : {};
  return { ...own, ...headless, [serviceNameLabel]: service.metadata?.name ?? '', [managedByLabel]: controllerName };
}

/**
 * The fewest writes after which the slices say which pods stand behind a Service (endpointslice, Reconciler): an endpoint stays in the
 * slice that it is in, new ones go where something changes anyway, and a slice is made only when they fit nowhere.
 */
export function planSlices(world: SliceWorld): SlicePlan {
  const parts = (world.service.spec?.ipFamilies ?? ['IPv4']).map((family) => planFamily(world, family));
  return {
    create: parts.flatMap(({ create }) => create),
    update: parts.flatMap(({ update }) => update),
    remove: [...parts.flatMap(({ remove }) => remove), ...world.slices.filter((slice) => !isServed(world.service, slice)).map(nameOf)],
  };
}

const nameOf = ({ metadata }: EndpointSlice): string => metadata?.name ?? '';
const isServed = ({ spec }: Service, { addressType }: EndpointSlice): boolean => (spec?.ipFamilies ?? ['IPv4']).includes(addressType);

interface Wanted {
  readonly ports: readonly DiscoveryEndpointPort[];
  readonly endpoints: Map<string, Endpoint>;
}

function planFamily(world: SliceWorld, family: string): SlicePlan {
  const wanted = wantedOf(world, family);
  const slices = world.slices.filter(({ addressType }) => addressType === family);
  const there = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const key = portsKey(slice.ports ?? []);
    there.set(key, [...(there.get(key) ?? []), slice]);
  }
  const create: SliceContent[] = [];
  const update: SlicePlan['update'][number][] = [];
  const remove: string[] = [];
  for (const [key, { ports, endpoints }] of wanted) {
    const plan = fill(there.get(key) ?? [], endpoints);
    create.push(...plan.create.map((part) => ({ addressType: family, ports, endpoints: part })));
    update.push(...plan.update);
    remove.push(...plan.remove);
  }
  for (const [key, old] of there) if (!wanted.has(key)) remove.push(...old.map(nameOf));
  if (create.length > 0 || slices.length > remove.length) return { create, update, remove };
  // There is always one slice, and an empty one says that there is nothing.
  const empty = slices.find(({ endpoints, ports }) => !endpoints?.length && !ports?.length);
  if (empty) return { create, update, remove: remove.filter((name) => name !== nameOf(empty)) };
  return { create: [{ addressType: family, endpoints: [], ports: [] }], update, remove };
}

/** By the ports that they have in common. */
function wantedOf({ service, pods, zoneOf }: SliceWorld, family: string): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const pod of pods) {
    const address = addressOf(pod, family);
    if (address === undefined || !isEndpoint(pod, true)) continue;
    const ports = (service.spec?.ports ?? []).flatMap((port) => {
      const number = targetPortOf(pod, port);
      const { name = '', protocol = 'TCP', appProtocol } = port;
      return number === undefined ? [] : [{ name, port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
    });
    const key = portsKey(ports);
    const group = wanted.get(key) ?? { ports, endpoints: new Map() };
    const endpoint = endpointOf(pod, service, address, zoneOf);
    wanted.set(key, group);
    group.endpoints.set(identity(endpoint), endpoint);
  }
  return wanted;
}

function endpointOf(pod: Pod, service: Service, address: string, zoneOf: SliceWorld['zoneOf']): Endpoint {
  const serving = isReady(pod);
  const terminating = pod.metadata?.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const node = pod.spec?.nodeName;
  const [zone, hostname] = [node ? zoneOf(node) : undefined, hostnameOf(pod, service)];
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    targetRef: targetOf(pod),
    ...(node ? { nodeName: node } : {}),
    ...(zone ? { zone } : {}),
    ...(hostname ? { hostname } : {}),
  };
}

/** One endpoint, whatever its conditions are. */
const identity = ({ addresses, targetRef }: Endpoint): string => `${targetRef?.uid ?? ''} ${addresses.join()}`;

export const portsKey = (ports: readonly DiscoveryEndpointPort[]): string =>
  JSON.stringify(ports.map(({ name = '', protocol, port, appProtocol }) => [name, protocol, port, appProtocol]).sort());

const says = ({ addresses, conditions, targetRef, nodeName, zone, hostname }: Endpoint): string =>
  JSON.stringify([
    ...[addresses, conditions?.ready, conditions?.serving, conditions?.terminating],
    ...[targetRef?.namespace, targetRef?.name, targetRef?.uid, nodeName, zone, hostname],
  ]);

interface Draft {
  readonly name: string;
  readonly endpoints: Endpoint[];
  changed: boolean;
}

interface FillPlan {
  readonly create: readonly (readonly Endpoint[])[];
  readonly update: SlicePlan['update'];
  readonly remove: readonly string[];
}

function fill(slices: readonly EndpointSlice[], wanted: ReadonlyMap<string, Endpoint>): FillPlan {
  const left = new Map(wanted);
  const drafts = slices.map((slice) => kept(slice, left));
  const remove = drafts.filter(({ endpoints }) => endpoints.length === 0);
  const alive = drafts.filter(({ endpoints }) => endpoints.length > 0);
  const fullestFirst = (some: readonly Draft[]): Draft[] => some.toSorted((a, b) => b.endpoints.length - a.endpoints.length);
  for (const draft of fullestFirst(alive.filter(({ changed }) => changed))) move(left, draft.endpoints);
  // What fits into one slice as a whole goes there; otherwise slices are made, and the others stay as they are.
  const room =
    left.size > 0 && left.size < maxEndpoints
      ? fullestFirst(alive).find((one) => one.endpoints.length + left.size <= maxEndpoints)
      : undefined;
  if (room) {
    move(left, room.endpoints);
    room.changed = true;
  }
  // A slice that lost all of its endpoints is used again before another is made.
  while (left.size > 0 && remove.length > 0) {
    const draft = remove.shift() as Draft;
    move(left, draft.endpoints);
    alive.push({ ...draft, changed: true });
  }
  const create: Endpoint[][] = [];
  while (left.size > 0) create.push(move(left, []));
  return {
    create,
    update: alive.filter(({ changed }) => changed).map(({ name, endpoints }) => ({ name, endpoints })),
    remove: remove.map(({ name }) => name),
  };
}

/** What stays of a slice, as it is now; takes that out of `left`. */
function kept(slice: EndpointSlice, left: Map<string, Endpoint>): Draft {
  const endpoints: Endpoint[] = [];
  let changed = false;
  for (const old of slice.endpoints ?? []) {
    const now = left.get(identity(old));
    changed ||= !now || says(now) !== says(old);
    if (!now) continue;
    endpoints.push(now);
    left.delete(identity(old));
  }
  return { name: nameOf(slice), endpoints, changed };
}

/** Fills a slice up to its bound. */
function move(from: Map<string, Endpoint>, into: Endpoint[]): Endpoint[] {
  for (const [key, endpoint] of from) {
    if (into.length >= maxEndpoints) break;
    into.push(endpoint);
    from.delete(key);
  }
  return into;
}
