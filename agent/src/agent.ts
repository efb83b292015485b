import { budgetSettings, type LinkProfileName } from '@flotilla/shared/api/board-budget.js';
import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { StatusError } from '@flotilla/shared/errors/status.js';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { Listeners } from '@flotilla/shared/platform/listeners.js';
import type { Mounts } from '@flotilla/shared/platform/mounts.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';
import type { PodReport } from '@flotilla/shared/protocol/messages.js';
import { BoardBudget } from '#budget/board-budget.ts';
import { CountingFiles } from '#budget/counting-files.ts';
import { LinkCounter } from '#budget/link-counter.ts';
import type { Taint } from '#config/agent-config.ts';
import type { KeepAlive } from '#hublink/keep-alive.ts';
import type { HubLink, LinkHandlers, LinkPart, ManifestOutcome } from '#hublink/types.ts';
import type { WireCount } from '#hublink/wire-count.ts';
import { PodLeases } from '#leases/pod-leases.ts';
import type { LeaseGuard } from '#leases/types.ts';
import { agentSource } from '#local/agent-source.ts';
import type { LocalSource } from '#local/local-desk.ts';
import { ApiDoor } from '#network/api-door.ts';
import type { Host } from '#node/host.ts';
import { NodeReporter } from '#node/node-reporter.ts';
import { createOperations, type OperationsSettings } from '#operations/operations.ts';
import { RecentLog } from '#operations/recent-log.ts';
import { openApi } from '#pods/api-place.ts';
import { containerForLogs } from '#pods/container-logs.ts';
import type { NewEvent, PodImages, PodSnapshot } from '#pods/pod-doors.ts';
import { PodWorkers } from '#pods/pod-workers.ts';
import { RecallAnswers } from '#pods/recall-answers.ts';
import { Tombstones } from '#pods/tombstones.ts';
import type { Runtime } from '#runtime/types.ts';
import { SpecStore } from '#spec/spec-store.ts';
import { BoardTime } from '#status/board-time.ts';
import { EventOutbox } from '#status/event-outbox.ts';
import { FailedLogs } from '#status/failed-logs.ts';
import { podStatus } from '#status/pod-status.ts';
import { Sequence } from '#status/sequence.ts';
import { StatusReporter } from '#status/status-reporter.ts';
import { BoardShell, type ShellDoor } from '#streams/board-shell.ts';
import { PodStreams } from '#streams/pod-streams.ts';
import { TokenCache } from '#volumes/token-cache.ts';
import { VolumeManager } from '#volumes/volume-manager.ts';

export interface AgentOptions {
  readonly dataDir: string;
  /** A directory on a tmpfs for what must not reach flash; the data directory serves when undefined. */
  readonly volatileDir?: string;
  readonly nodeName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly capacity: Readonly<Record<string, string>>;
  /** What the Node shows as kubeletVersion: `v1.34.2+flotilla.1`. */
  readonly version: string;
  /** A true time that has certainly passed: when this board joined its hub. */
  readonly floorMs?: number;
  readonly operations?: OperationsSettings;
  /** What the Node's annotation takes the place of; `default` when left out. */
  readonly profile?: LinkProfileName;
}

export interface AgentDoors {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly logger: Logger;
  readonly runtime: Runtime;
  /** The runtime itself when undefined. */
  readonly images?: PodImages;
  readonly host: Host;
  /** Starts programs of the machine; without it the board cannot be told to boot. */
  readonly exec?: Pick<Exec, 'run'>;
  /** Opens shells of the machine; without it this board allows none. */
  readonly shell?: ShellDoor;
  /** Takes calls of pods to the API; without it they find none. */
  readonly listeners?: Listeners;
  /** Undefined where the agent may not mount: not as root. */
  readonly mounts?: Mounts;
  /** Ends pods whose lease is over when this agent cannot; without one nobody but the agent does. */
  readonly guard?: LeaseGuard;
  /** What the link counts and adapts; without it nothing of the link is counted. */
  readonly traffic?: { readonly counter: LinkCounter; readonly wire: Pick<WireCount, 'up' | 'down'>; readonly keepAlive: KeepAlive };
  /** Makes the link; it is started last. */
  readonly link: (handlers: LinkHandlers, parts: readonly LinkPart[]) => HubLink;
  /** Called when the hub has acknowledged everything this board knows; once in each session. */
  readonly reported?: () => void;
}

export interface Agent {
  /** Resolves when the pods of the last manifest are being run; needs no network. @throws what keeps this board from running pods at all */
  start(): Promise<void>;
  /** Containers run on. */
  stop(): Promise<void>;
  /** For tests and dumps. */
  readonly pods: PodWorkers;
  readonly reporter: StatusReporter;
  /** For whoever asks at the board itself. */
  readonly local: LocalSource;
}

const networkRetryMs = 15_000;

/** The composition. Start order: disk, last manifest, runtime, pods, link. */
export function createAgent(options: AgentOptions, doors: AgentDoors): Agent {
  const { clock, random, runtime } = doors;
  const files = new CountingFiles(doors.files, { inMemory: options.volatileDir ? [options.volatileDir] : [] });
  const recent = new RecentLog();
  const logger = recent.over(doors.logger, () => clock.wallMs());
  const { dataDir, nodeName } = options;
  const spec = new SpecStore({ files, dir: `${dataDir}/spec`, logger });
  const tombstones = new Tombstones(files, `${dataDir}/tombstones`);
  const requestToken: HubLink['requestToken'] = (request) => link.requestToken(request);
  const tokens = new TokenCache({ files, clock, logger, requestToken });
  const volumes = new VolumeManager({
    files,
    clock,
    dataDir,
    volatileDir: options.volatileDir,
    objects: spec,
    tokens,
    mounts: doors.mounts,
  });
  const floor = options.floorMs === undefined ? {} : { floorMs: options.floorMs };
  const time = new BoardTime({ clock, files, logger, path: `${dataDir}/time`, ...floor });
  const events = new EventOutbox({ clock, files, logger, time, dir: `${dataDir}/events`, nodeName });
  const budget = new BoardBudget({
    ...{ clock, files, logger, nodeName, path: `${dataDir}/traffic`, flash: files.counts, profile: options.profile ?? 'default' },
    link: doors.traffic?.counter ?? new LinkCounter(),
    wire: doors.traffic?.wire ?? { up: 0, down: 0 },
    keepAlive: doors.traffic?.keepAlive,
    now: () => ({ ms: time.correct(clock.wallMs()), trusted: time.trusted }),
    settings: () => budgetSettings(spec.object(`nodes/${nodeName}`)?.metadata?.annotations),
    event(type, reason, message) {
      events.add({ involvedObject: { kind: 'Node', name: nodeName, uid: nodeName }, type, reason, message });
      reporter?.eventAdded();
    },
    changed: () => reporter?.nodeChanged(),
    released: () => failedLogs.release(),
  });
  const node = new NodeReporter({
    ...{ ...options, clock, files, logger, host: doors.host, runtime },
    correct: (ownWallMs) => time.correct(ownWallMs),
    conditions: () => budget.conditions,
    changed: () => reporter?.nodeChanged(),
  });
  const statusOf = (snapshot: PodSnapshot): Record<string, unknown> => ({
    ...podStatus(snapshot, {
      runtimeName: runtime.name,
      hostIPs: node.facts.hostIPs,
      correct: (ownWallMs, bootId) => time.correct(ownWallMs, bootId),
    }),
  });
  const leases = new PodLeases({
    ...{ clock, random, files, logger, runtime },
    dir: `${options.volatileDir ?? dataDir}/leases`,
    guard: doors.guard ?? { ensure: async () => {} },
    pods: () => spec.pods(),
    changed: (uid) => pods.kick(uid),
  });
  const apiDoor = doors.listeners && new ApiDoor({ clock, logger, listeners: doors.listeners });
  const pods = new PodWorkers({
    ...{ clock, random, files, logger, runtime, spec, volumes, tombstones, leases, statusOf },
    images: budget.images(doors.images ?? runtime),
    ...(apiDoor ? { api: apiDoor } : {}),
    node: () => node.facts,
    bootId: () => time.bootId,
    online: () => link.connected,
    event(event) {
      events.add(event);
      reporter?.eventAdded();
      if (event.reason === 'Pulled' && event.message.startsWith('Successfully')) void node.look();
    },
    changed(uid) {
      failedLogs.look(uid);
      reporter?.podChanged(uid);
    },
  });
  const failedLogs = new FailedLogs({
    ...{ clock, files, logger, runtime },
    dir: `${dataDir}/failed-logs`,
    mostBytes: () => budget.profile.failedLogBytes,
    hold: () => budget.holdsLogs,
    snapshot: (uid) => pods.snapshot(uid),
    event(event) {
      events.add(event);
      reporter?.eventAdded();
    },
  });

  const reportOf = (uid: string): Omit<PodReport, 'sequence'> | undefined => {
    const stone = tombstones.get(uid);
    if (stone) return { uid, namespace: stone.namespace, name: stone.name, status: stone.status, gone: true };
    const snapshot = pods.snapshot(uid);
    return snapshot && { uid, namespace: snapshot.record.namespace, name: snapshot.record.name, status: statusOf(snapshot) };
  };
  const allPods = (): string[] => [
    ...[...pods.snapshots()].map(({ uid }) => uid),
    ...[...tombstones.all()].filter(({ uid, acknowledged }) => !acknowledged || spec.pod(uid)).map(({ uid }) => uid),
  ];

  const taken = async (outcome: ManifestOutcome): Promise<ManifestOutcome> => {
    if (!outcome.applied) return outcome;
    budget.settingsChanged();
    await leases.look();
    await networkReady();
    pods.kickAll();
    return outcome;
  };
  const streams = new PodStreams({ runtime, logger, snapshot: (uid) => pods.snapshot(uid) });
  const shell = new BoardShell({ door: doors.shell, logger });
  const handlers: LinkHandlers = {
    manifest: async (update) => taken(await spec.offer(update)),
    objects: async (parts) => taken(await spec.receive(parts)),
    applied: () => spec.generation,
    reported: () => reporter?.acknowledged,
    connected(hubHasReports) {
      reporter?.connected(hubHasReports);
      pods.kickAll();
    },
    disconnected: () => logger.info('working without the hub'),
    time: (hubWallMs) => time.heard(hubWallMs),
    logs({ uid }, log: LogOptions, signal) {
      budget.admit('logs');
      return runtime.logs(containerForLogs(pods.snapshot(uid), log), log, signal);
    },
    openStream: async (request, signal) => {
      budget.admit('streams');
      if (request.kind === 'shell') return shell.open(request, signal);
      if (request.kind !== 'api') return streams.open(request, signal);
      if (!apiDoor) throw new StatusError(501, 'NotImplemented', 'this board takes no calls to the API');
      return apiDoor.take(request.call, signal);
    },
  };
  const { operations, parts: operationParts } = createOperations({
    ...{ clock, files, logger, runtime, pods, dataDir, nodeName },
    settings: options.operations ?? {},
    exec: doors.exec,
    event(event: NewEvent) {
      events.add(event);
      reporter?.eventAdded();
    },
    agentVersion: options.version,
    nodeStatus: () => node.report().status,
    phaseOf: (snapshot) => statusOf(snapshot)['phase'],
    generation: () => spec.generation,
    log: recent,
  });
  // Kinds of messages with a class of their own.
  const parts: LinkPart[] = [
    ...operationParts,
    leases,
    failedLogs,
    budget,
    ...(apiDoor ? [apiDoor] : []),
    new RecallAnswers({ content: () => spec.signedContent(), tombstones: () => tombstones.all(), logger }),
  ];
  const link = doors.link(handlers, parts);
  let reporter: StatusReporter | undefined;
  let networkAgain: Timer | undefined;
  const networkReady = async (): Promise<void> => {
    networkAgain?.cancel();
    const { podCIDR } = spec;
    if (!podCIDR) return;
    try {
      await runtime.setPodCidr(podCIDR);
      node.networkFailed(undefined);
    } catch (error) {
      logger.error('cannot set up the pod network', { podCIDR, error });
      node.networkFailed(describeError(error));
      networkAgain = clock.after('agent: pod network', networkRetryMs, () => void networkReady().then(() => pods.kickAll()));
    }
  };

  const local = agentSource({
    ...{ clock, runtime, pods, nodeName, dataDir, statusOf },
    version: options.version,
    nodeStatus: () => node.report().status,
    connected: () => link.connected,
    generation: () => spec.generation,
    event(event: NewEvent) {
      events.add(event);
      reporter?.eventAdded();
    },
  });

  return {
    pods,
    local,
    get reporter() {
      if (!reporter) throw new Error('the agent has not been started');
      return reporter;
    },
    async start() {
      await files.mkdir(dataDir, { mode: 0o700 });
      if (options.volatileDir) await files.mkdir(options.volatileDir, { mode: 0o700 });
      await spec.load();
      await tombstones.load();
      // Where boots cannot be told apart, each run is one.
      const bootId = (await files.readText('/proc/sys/kernel/random/boot_id').catch(() => undefined))?.trim();
      await time.load(bootId || random.uuid());
      const sequence = await Sequence.open(files, `${dataDir}/run`, clock);
      await events.load(sequence);
      await failedLogs.load();
      await budget.start(time.bootId);
      const acknowledged = (report: PodReport): void => {
        if (report.gone) tombstones.acknowledge(report.uid);
      };
      reporter = new StatusReporter({
        ...{ clock, logger, random, link: budget.reports(link), sequence, events, acknowledged },
        coalesceMs: () => budget.profile.coalesceMs,
        pod: reportOf,
        pods: allPods,
        node: () => node.report(),
        applied: () => spec.generation,
        ...(doors.reported ? { reported: doors.reported } : {}),
      });
      // Nothing is said to the hub before it is known what runs here; the way to it is open by then.
      link.prepare?.();
      await Promise.all([runtime.start(), operations.start(time.bootId)]);
      await Promise.all([networkReady(), node.start(), leases.start()]);
      await pods.start();
      link.start();
      // Containers that were running call where they always called.
      if (apiDoor) for (const pod of spec.pods()) await openApi({ spec, api: apiDoor }, pod);
      logger.info('the agent runs', { node: nodeName, generation: spec.generation });
    },
    async stop() {
      networkAgain?.cancel();
      await link.stop();
      operations.stop();
      reporter?.stop();
      await events.flush();
      await failedLogs.stop();
      await budget.stop();
      node.stop();
      leases.stop();
      apiDoor?.stop();
      await pods.stop();
      await runtime.close();
    },
  };
}
