import { createPublicKey } from 'node:crypto';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import { createAdmission } from '#admission/create-admission.ts';
import type { DefaultTolerations } from '#admission/default-toleration-seconds.ts';
import { createApiServer } from '#apiserver/api-server.ts';
import type { UpgradeHandler } from '#apiserver/server.ts';
import { nodeStreamDuplex } from '#apiserver/streams/node-stream-duplex.ts';
import { createAuth } from '#auth/auth.ts';
import { authorizedRegistry } from '#auth/authz/authorized-registry.ts';
import { reconcileRoles } from '#auth/bootstrap/reconcile-roles.ts';
import { curlPin } from '#auth/pki/curl-pin.ts';
import type { Pki, ServerTls } from '#auth/pki/pki.ts';
import { keepRenewed } from '#auth/pki/renewal.ts';
import type { Boards, Broker } from '#broker/types.ts';
import { controllerUser, createClient } from '#client/client.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { Informers } from '#client/informers.ts';
import type { Client } from '#client/types.ts';
import { selectControllers } from '#controllers/selection.ts';
import { controllerNames, runsInRecovery, startControllers } from '#controllers/start-controllers.ts';
import { ApiCalls } from '#nodesync/calls/api-calls.ts';
import { BoardDirectory } from '#nodesync/enrol/board-directory.ts';
import { EnrolmentDesk } from '#nodesync/enrol/enrolment-desk.ts';
import { agree, recordEnrolment } from '#nodesync/enrol/enrolment-ledger.ts';
import { enrolmentPath, enrolmentRoutes } from '#nodesync/enrol/enrolment-routes.ts';
import { type ImagesDoor, imageRoutes, imagesPath } from '#nodesync/enrol/image-routes.ts';
import { agentPath, type InstallDoor, installRoutes, installScriptPath } from '#nodesync/enrol/install-routes.ts';
import { joinBodyLimit, joinHandler } from '#nodesync/enrol/join-handler.ts';
import { JoinLimits } from '#nodesync/enrol/join-limits.ts';
import { MovedBoards } from '#nodesync/enrol/moved-boards.ts';
import { WaitingRoom } from '#nodesync/enrol/waiting-room.ts';
import { KeptLogs } from '#nodesync/kept-logs/kept-logs.ts';
import { createNodeSync } from '#nodesync/node-sync.ts';
import { OperationLink } from '#nodesync/operations/operation-link.ts';
import { PodLeases } from '#nodesync/pod-leases/pod-leases.ts';
import { RecallPart } from '#nodesync/recall/recall-part.ts';
import { trafficPage, trafficPath } from '#nodesync/traffic/traffic-page.ts';
import { TrafficPart } from '#nodesync/traffic/traffic-part.ts';
import { adminPath, adminRoutes, type BackupStream } from '#recovery/admin-routes.ts';
import { nextIncarnation } from '#recovery/incarnation.ts';
import { Recovery } from '#recovery/recovery.ts';
import type { StartingPoint } from '#recovery/starting-point.ts';
import { ApiService } from '#registry/core/api-service.ts';
import { ServiceAllocator } from '#registry/core/service-allocator.ts';
import { decodeStored } from '#registry/decode/decode-stored.ts';
import { encodeJson } from '#registry/decode/json-encode.ts';
import { definitions } from '#registry/definitions.ts';
import { bootstrap } from '#registry/generic/bootstrap.ts';
import { createRegistry } from '#registry/generic/create-registry.ts';
import type { Registry, UserInfo } from '#registry/generic/types.ts';
import { startScheduler } from '#scheduler/start-scheduler.ts';
import type { Store } from '#store/contract.ts';
import { WatchCache } from '#store/watch-cache.ts';
import { HealthRegistry } from '#telemetry/health.ts';
import { type ProcessUsage, registerHubMetrics } from '#telemetry/hub-metrics.ts';
import { createMetrics } from '#telemetry/metrics.ts';

export interface HubOptions {
  /** Where the API listens; a hub without it is driven through its clients only. Port 0 takes a free one. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** In the syntax of kube-controller-manager's --controllers; all when left out. */
  readonly controllers?: readonly string[];
  /** Whether pods are scheduled; true when left out. */
  readonly scheduler?: boolean;
  /** What boards' pod networks are cut from; 100.64.0.0/10 when left out. */
  readonly podCidr?: string;
  /** Where cluster IPs of Services come from; 10.96.0.0/12 when left out. */
  readonly serviceClusterIpRange?: string;
  /** Ports of nodes for Services; 30000-32767 when left out. */
  readonly serviceNodePortRange?: string;
  /** Where other machines reach this hub's API; without it the Service `kubernetes` has no endpoints. */
  readonly advertiseAddress?: string;
  /** Kubernetes' own eviction from boards that are away; off when left out. */
  readonly tolerations?: DefaultTolerations;
}

/** The link to the boards, made when the hub knows who may connect. */
export interface Link {
  readonly broker: Broker;
  /** MQTT over WebSocket on the API port. */
  readonly upgrade?: UpgradeHandler;
  /** MQTT's own port, once it listens. */
  readonly port?: () => number | undefined;
  /** After a renewal of the hub's certificate. */
  readonly setTls?: (tls: ServerTls) => void;
}

/** Everything of the machine that a hub touches. */
export interface HubDoors {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly store: Store;
  readonly pki: Pki;
  readonly link: (parts: { readonly boards: Boards; readonly clusterId: string }) => Link;
  /** Where the hub keeps what boards sent for when they are away; without it nothing is kept. */
  readonly keptLogs?: { readonly files: Files; readonly dir: string };
  /** What is known of this cluster beside the store; without it nothing is ever recovered. */
  readonly start?: StartingPoint;
  /** Copies the store for `flotilla backup`; undefined where the store has means of its own. */
  readonly backup?: () => Promise<BackupStream>;
  /** What this process costs, for the metrics. */
  readonly usage?: () => ProcessUsage;
  /** What hosts of one's own are installed with; without it none is served. */
  readonly install?: InstallDoor;
  /** Card images that it hands out; left out it hands out none. */
  readonly images?: ImagesDoor;
  /** The hub's certificates were renewed: whoever keeps the admin's writes it anew. */
  readonly renewed?: () => Promise<void>;
}

export interface Hub {
  readonly registry: Registry;
  /** A client with the rights of the administrator. */
  readonly admin: Client;
  /** The API's port; undefined before `start` and without `listen`. */
  readonly apiPort: number | undefined;
  readonly mqttPort: number | undefined;
  /** What `flotilla recover` asks. */
  readonly recovery: Pick<Recovery, 'state' | 'finish'> | undefined;
  /** Resolves when the API answers and boards may connect. @throws Error with code EADDRINUSE */
  start(): Promise<void>;
  /** Hangs up on everybody and closes the store; boards and their containers go on. */
  stop(): Promise<void>;
}

const adminUser: UserInfo = { name: 'system:admin', groups: ['system:masters', 'system:authenticated'] };

/** Composes a hub: reading it from top to bottom is reading the architecture. */
export function createHub(options: HubOptions, doors: HubDoors): Hub {
  const { clock, random, logger, store, pki, link: makeLink, renewed, start } = doors;
  // A name that is wrong is told before anything runs.
  if (options.controllers) selectControllers(options.controllers, controllerNames);
  const stopping = new AbortController();
  const clusterId = pki.caKeyHash.slice('sha256:'.length, 'sha256:'.length + 16);
  const metrics = createMetrics();
  const parts = registerHubMetrics(metrics, {
    usage: doors.usage,
    cache: () => cache.figures,
    link: () => ({
      counters: { ...link.broker.counters, enrolments: { ...joinLimits.counters } },
      load: { ...link.broker.load, ...nodeSync.load },
      workMs: nodeSync.workMs,
    }),
    revision: () => cache.revision,
  });
  const health = new HealthRegistry();
  const joinLimits = new JoinLimits(clock);

  // What is: store, its cache, and the one write path above them.
  const codec = { parse: decodeStored, stringify: encodeJson };
  // There are several Events for each pod, and no part of the hub reads them.
  const seldomRead = (key: string): boolean => key.startsWith('/registry/core/events/');
  const cache = new WatchCache({ store, logger, codec, seldomRead, nowMs: () => clock.monotonicMs() });
  const serviceAllocator = new ServiceAllocator({
    cache,
    random,
    clusterIpRange: options.serviceClusterIpRange ?? '10.96.0.0/12',
    nodePortRange: options.serviceNodePortRange ?? '30000-32767',
  });
  const registry: Registry = createRegistry({
    cache,
    clock,
    random,
    admission: createAdmission({
      registry: () => registry,
      clock,
      random,
      roleGuard: (attributes) => roleGuard(attributes),
      ...(start ? { allowed: (attributes) => recordEnrolment(start.ledger, attributes) } : {}),
      ...(options.tolerations ? { tolerations: options.tolerations } : {}),
    }),
    definitions,
    overlays: { 'coordination.k8s.io/leases': (lease) => nodeSync.presentLease(lease) },
    allocators: { '/services': serviceAllocator },
  });

  // The hub's own parts read informers and write through the registry, each under its own name and with its own roles.
  const own = authorizedRegistry({ registry, authorizer: () => ownAuthorizer, logger });
  const loaded = Promise.withResolvers<void>();
  const informers = new Informers({ registry, clock, random, logger, readable: loaded.promise, wrote: parts.wrote });
  const clientAs = (user: UserInfo): Client => createClient({ registry: own, informers, user, logger });
  const admin = clientAs(adminUser);
  const linkClient = clientAs(controllerUser('node-controller'));

  // The link to the boards.
  const boards = new BoardDirectory(linkClient);
  const link = makeLink({ boards, clusterId });
  const { authenticator, authorizer, ownAuthorizer, roleGuard, tokens } = createAuth({
    pki,
    registry,
    client: linkClient,
    clock,
    random,
    mayActAs: (userName, spkiHash) => boards.mayActAs(userName, spkiHash),
  });
  const manifestKey = { keyId: keyIdOf(createPublicKey(pki.manifestKey.publicKeyPem)), publicKey: pki.manifestKey.publicKeyPem };
  const events = createEventRecorder({ client: linkClient, clock, logger, component: 'nodesync' });
  const recovery = start && new Recovery({ start, store, registry, client: admin, events, clock, logger });
  const recall = recovery && new RecallPart({ taker: recovery, clusterId, keys: [manifestKey], clock, logger });
  const leases = new PodLeases({ client: linkClient, clock, logger });
  const keptLogs = new KeptLogs({ client: linkClient, clock, logger, disk: doors.keptLogs });
  const trafficTotal = metrics.counter(
    'flotilla_fleet_uplink_bytes_total',
    'Bytes on the uplinks of all boards, by class and direction, as they say.',
  );
  const traffic = new TrafficPart({ clock, count: (name, direction, bytes) => trafficTotal.add({ class: name, direction }, bytes) });
  const room = new WaitingRoom({ client: linkClient, clock, events });
  const moved = new MovedBoards({ client: linkClient, boards, room, events, clock, logger });
  const operations = new OperationLink({
    client: linkClient,
    clientAs,
    events: createEventRecorder({ client: linkClient, clock, logger, component: 'nodesync' }),
    clock,
    logger,
  });
  const calls = new ApiCalls({
    connect: (stream, close) => (api ? api.accept(nodeStreamDuplex(stream, close)) : close()),
    logger,
  });
  const nodeSync = createNodeSync({
    client: linkClient,
    clientAs,
    broker: link.broker,
    clusterId,
    storeEpoch: start?.epoch ?? store.epoch,
    signer: { keyId: manifestKey.keyId, sign: (bytes) => pki.manifestKey.sign(bytes) },
    issueToken: async ({ node, namespace, serviceAccount, pod, audience, expirationSeconds }) => {
      const asAdmin = { user: adminUser, warn: () => {} };
      const account = registry.resource('', 'serviceaccounts').get(asAdmin, namespace, serviceAccount).object;
      const { metadata } = registry.resource('', 'nodes').get(asAdmin, '', node).object;
      const issued = await tokens.issue({
        serviceAccount: { namespace, name: serviceAccount, uid: account.metadata?.uid ?? '' },
        ...(audience === undefined ? {} : { audiences: [audience] }),
        expirationSeconds,
        boundTo: { kind: 'Pod', ...pod },
        node: { name: node, ...(metadata?.uid ? { uid: metadata.uid } : {}) },
      });
      return { token: issued.token, expirationWallMs: issued.expiresAtMs };
    },
    events: createEventRecorder({ client: linkClient, clock, logger, component: 'nodesync' }),
    incarnation: () => nextIncarnation(store, start?.epoch ?? store.epoch),
    clock,
    logger,
    parts: [leases, operations, keptLogs, traffic, calls, moved, ...(recall ? [recall] : [])],
    moved: (node, serial) => void moved.moved(node, serial),
    hold: recovery,
    keptLogs,
  });

  // The API.
  const nodeEvents = createEventRecorder({ client: linkClient, clock, logger, component: 'flotilla-hub' });
  const api =
    options.listen &&
    createApiServer({
      registry,
      authenticator,
      authorizer,
      tokens,
      nodeConnector: nodeSync.connector,
      nodeEvents: (node, type, reason, message) => nodeEvents.event(node, type, reason, message),
      tls: pki.serverTls(),
      health,
      metrics,
      clock,
      random,
      logger,
    });
  api?.handle(adminPath, adminRoutes({ authenticator, recovery, backup: doors.backup, pages: { [trafficPath]: trafficPage(traffic) } }));
  const join = joinHandler({
    client: linkClient,
    boards,
    clock,
    logger,
    pki,
    clusterId,
    mqttPort: () => link.port?.(),
    limits: joinLimits,
    room,
  });
  const isConnected = (node: string): boolean => link.broker.session(node) !== undefined;
  const desk = new EnrolmentDesk({ client: linkClient, boards, room, moved, events, logger, isConnected });
  api?.handle(enrolmentPath, enrolmentRoutes({ authenticator, authorizer, desk }));
  if (doors.install) {
    const pin = (): string => curlPin(pki.serverTls().cert);
    const serve = installRoutes({ install: doors.install, client: linkClient, logger, pin });
    for (const path of [installScriptPath, agentPath]) api?.handle(path, serve);
  }
  if (doors.images) api?.handle(imagesPath, imageRoutes(doors.images, logger));
  api?.handle('/flotilla/v1', async (exchange) => {
    const body = exchange.method === 'POST' ? (await exchange.readBody(joinBodyLimit)).toString('utf8') : '';
    const answer = await join({ method: exchange.method, path: exchange.url.split('?')[0] ?? '', body, address: exchange.remoteAddress });
    const { 'content-type': contentType = 'application/json', ...headers } = answer.headers;
    for (const [name, value] of Object.entries(headers)) exchange.setHeader(name, value);
    await exchange.reply(answer.status, contentType, answer.body);
  });
  if (link.upgrade) api?.onUpgrade('/mqtt', link.upgrade);

  let renewal: { stop(): void } | undefined;
  let apiPort: number | undefined;
  let apiService: ApiService | undefined;
  let running: Promise<unknown> = Promise.resolve();
  let ready = false;
  health.add('started', () => {
    if (!ready) throw new Error('the hub is starting');
  }, ['readyz']);

  return {
    registry,
    admin,
    recovery,
    get apiPort() {
      return apiPort;
    },
    get mqttPort() {
      return link.port?.();
    },
    async start() {
      await cache.start();
      loaded.resolve();
      await bootstrap(registry);
      await Promise.all([reconcileRoles(registry), linkClient.synced()]);
      if (start) await agree({ ledger: start.ledger, client: linkClient, logger, shared: store.shared, recovery: start.recovery });
      const common = { registry: own, informers, clock, random, logger };
      const { controllers, podCidr, scheduler = true } = options;
      const run = (only: (name: string) => boolean): Promise<void> =>
        startControllers(
          {
            ...common,
            metrics: parts.workQueues,
            caPem: pki.caCertPem,
            liveness: nodeSync.liveness,
            leases,
            ipam: { clusterId, ...(podCidr === undefined ? {} : { clusterCidr: podCidr }) },
            ...(controllers === undefined ? {} : { controllers }),
            only,
          },
          stopping.signal,
        );
      // What decides over pods waits until the hub knows again what there is.
      const recovered = recovery?.ended ?? Promise.resolve();
      const rest = recovered.then(() => {
        if (stopping.signal.aborted) return;
        return Promise.all([
          run((name) => !runsInRecovery(name)),
          scheduler ? startScheduler({ ...common, pending: parts.pendingPods }, stopping.signal) : undefined,
        ]);
      });
      running = Promise.all([run(runsInRecovery), rest]);
      running.catch((error: unknown) => logger.error('a part of the hub stopped', { error }));
      await linkClient.synced();
      await recovery?.load();
      leases.start();
      await keptLogs.start({ recovering: start?.recovery !== undefined });
      await nodeSync.start();
      boards.onRevoked((node) => nodeSync.hangUp(node, 'revoked'));
      if (api && options.listen) {
        apiPort = await api.listen(options.listen.host, options.listen.port);
        const clusterIp = serviceAllocator.firstAddress;
        apiService = new ApiService({ registry, cache, clock, logger, clusterIp, address: options.advertiseAddress, port: apiPort });
        await apiService.start();
      }
      renewal = keepRenewed({
        pki,
        clock,
        logger,
        renewed: async () => {
          api?.setTls(pki.serverTls());
          link.setTls?.(pki.serverTls());
          await renewed?.();
        },
      });
      ready = true;
    },
    async stop() {
      ready = false;
      const lookedLast = renewal?.stop();
      apiService?.stop();
      stopping.abort(new Error('the hub is stopping'));
      await api?.close();
      await nodeSync.stop();
      keptLogs.stop();
      recovery?.stop();
      await running.catch(() => {});
      await lookedLast;
      await informers.stop();
      await cache.stop();
      await store.close();
    },
  };
}
