import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { Courier } from '@flotilla/agent/hublink/courier.js';
import { createHubLink } from '@flotilla/agent/hublink/hub-link.js';
import type { HubLink, LinkHandlers } from '@flotilla/agent/hublink/types.js';
import { SimulatedBroker } from '@flotilla/hub/broker/simulated/simulated-broker.js';
import type { Weather } from '@flotilla/hub/broker/simulated/weather.js';
import type { Board, Broker, DeviceIdentity } from '@flotilla/hub/broker/types.js';
import { createClient } from '@flotilla/hub/client/client.js';
import { Informers } from '@flotilla/hub/client/informers.js';
import type { Client } from '@flotilla/hub/client/types.js';
import { createNodeSync, type NodeSync } from '@flotilla/hub/nodesync/node-sync.js';
import { createRegistry } from '@flotilla/hub/registry/generic/create-registry.js';
import type { Registry, ResourceDefinition, UserInfo } from '@flotilla/hub/registry/generic/types.js';
import { MemoryStore } from '@flotilla/hub/store/memory/memory-store.js';
import { WatchCache } from '@flotilla/hub/store/watch-cache.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { type Logger, silentLogger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { type EnvelopeSigner, envelopeSigner, type PinnedKey } from '@flotilla/shared/protocol/envelope.js';
import type { RetrySchedule } from '@flotilla/shared/workqueue/retry-schedule.js';

/** The hub's half around the device link (real store, registry, client), and boards that only have the link. */

export interface ApiObject extends KubeObject {
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  data?: Record<string, string>;
  type?: string;
}

/** Kinds without rules of their own: what is tested is the link. */
function definition(
  group: string,
  kind: string,
  resource: string,
  options: { namespaced: boolean; graceful?: boolean },
): ResourceDefinition {
  const strategy = { validate: () => [], validateUpdate: () => [] };
  return {
    group,
    version: 'v1',
    kind,
    resource,
    singular: kind.toLowerCase(),
    namespaced: options.namespaced,
    schema: kind,
    strategy,
    columns: [],
    subresources: [{ name: 'status', kind: { group, version: 'v1', kind }, verbs: ['update'], strategy }],
    ...(options.graceful ? { graceful: (_object: KubeObject, asked: number | undefined) => asked ?? 30 } : {}),
  };
}

const kinds = [
  definition('', 'Pod', 'pods', { namespaced: true, graceful: true }),
  definition('', 'Node', 'nodes', { namespaced: false }),
  definition('', 'ConfigMap', 'configmaps', { namespaced: true }),
  definition('', 'Secret', 'secrets', { namespaced: true }),
  definition('', 'ServiceAccount', 'serviceaccounts', { namespaced: true }),
  definition('', 'Namespace', 'namespaces', { namespaced: false }),
  definition('apps', 'ReplicaSet', 'replicasets', { namespaced: true }),
  definition('apps', 'Deployment', 'deployments', { namespaced: true }),
  definition('', 'Event', 'events', { namespaced: true }),
  definition('coordination.k8s.io', 'Lease', 'leases', { namespaced: true }),
];

const admin: UserInfo = { name: 'admin', groups: ['system:masters'] };
const keys = generateKeyPairSync('ed25519');
export const worldSigner = envelopeSigner(keys.privateKey);
export const manifestKeys: PinnedKey[] = [
  { keyId: worldSigner.keyId, publicKey: createPublicKey(keys.privateKey).export({ type: 'spki', format: 'pem' }) as string },
];
export const clusterId = 'cluster-1';

export interface World {
  readonly clock: Clock;
  readonly store: MemoryStore;
  readonly registry: Registry;
  readonly client: Client;
  readonly boards: Map<string, Board>;
  readonly sync: NodeSync;
  readonly broker: Broker;
  readonly warnings: string[];
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly clock: Clock;
  /** Goes on with what an earlier world stored. */
  readonly store?: MemoryStore;
  readonly broker: (boards: Map<string, Board>) => Broker;
  readonly logger?: Logger;
  readonly signer?: EnvelopeSigner;
  /** Protocol versions of the hub; those of this build when left out. */
  readonly versions?: readonly number[];
  /** See Liveness. */
  readonly startGraceMs?: number;
}

export async function openWorld(options: WorldOptions): Promise<World> {
  const { clock } = options;
  const logger = options.logger ?? silentLogger;
  // Another seed for each hub: a uid must never come again.
  const random = new SeededRandom(7 + (await (options.store?.currentRevision() ?? 0)));
  const store = options.store ?? new MemoryStore({ clock });
  const cache = new WatchCache({ store, logger });
  await cache.start();
  const registry = createRegistry({ cache, clock, random, admission: { mutate: () => {}, validate: () => {} }, definitions: kinds });
  const informers = new Informers({ registry, clock, random, logger });
  const clientAs = (user: UserInfo): Client => createClient({ registry, informers, user, logger });
  const client = clientAs(admin);
  const boards = new Map<string, Board>();
  const broker = options.broker(boards);
  const warnings: string[] = [];
  const sync = createNodeSync({
    client,
    clientAs,
    broker,
    clusterId,
    storeEpoch: store.epoch,
    signer: options.signer ?? worldSigner,
    issueToken: async ({ pod, node }) => ({ token: `token of ${pod.name} on ${node}`, expirationWallMs: 1 }),
    events: { event: (_about, type, reason, message) => warnings.push(`${type} ${reason} ${message}`) },
    clock,
    logger,
    ...(options.versions ? { versions: options.versions } : {}),
    ...(options.startGraceMs === undefined ? {} : { startGraceMs: options.startGraceMs }),
  });
  await sync.start();
  return {
    clock,
    store,
    registry,
    client,
    boards,
    sync,
    broker,
    warnings,
    close: async () => {
      await sync.stop();
      informers.stop();
    },
  };
}

export function simulated(clock: Clock, seed: number, weather?: Weather): (boards: Map<string, Board>) => SimulatedBroker {
  return (boards) =>
    new SimulatedBroker({
      clusterId,
      clock,
      random: new SeededRandom(seed),
      boards: { get: (node) => boards.get(node) },
      ...(weather ? { weather } : {}),
    });
}

export function linkFor(options: {
  clock: Clock;
  courier: Courier;
  node: string;
  seed?: number;
  bootId?: string;
  handlers: LinkHandlers;
  logger?: Logger;
  versions?: readonly number[];
  serial?: string;
  keepAliveMs?: number;
  retry?: RetrySchedule;
  manifestKeys?: readonly PinnedKey[];
}): HubLink {
  const { clock, courier, node, handlers } = options;
  return createHubLink({
    courier,
    clock,
    random: new SeededRandom(options.seed ?? 1),
    logger: options.logger ?? silentLogger,
    identity: {
      ...{
        scope: { clusterId, node },
        agentVersion: '0.1.0',
        bootId: options.bootId ?? 'boot-1',
        serial: options.serial ?? '',
        manifestKeys: options.manifestKeys ?? manifestKeys,
      },
      ...(options.versions ? { versions: options.versions } : {}),
    },
    handlers,
    ...(options.keepAliveMs === undefined ? {} : { keepAliveMs: options.keepAliveMs }),
    ...(options.retry ? { retry: options.retry } : {}),
  });
}

/** The simulated broker's way in, wherever the hub lives now: a board goes on dialling over the hub's restarts. */
export function courierTo(broker: () => Broker | undefined, identity: DeviceIdentity): Courier {
  return {
    connect: async (introduction, end) => {
      const there = broker();
      if (!(there instanceof SimulatedBroker)) throw new Error('connection refused');
      return there.dial(identity)(introduction, end);
    },
  };
}

export function pod(name: string, node: string, more: { configMap?: string; secret?: string; image?: string } = {}): ApiObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: node,
      containers: [
        {
          name: 'main',
          image: more.image ?? 'busybox',
          ...(more.configMap ? { envFrom: [{ configMapRef: { name: more.configMap } }] } : {}),
        },
      ],
      ...(more.secret ? { volumes: [{ name: 's', secret: { secretName: more.secret } }] } : {}),
    },
  };
}
