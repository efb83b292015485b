import type { Container, Pod, PodStatus } from '@flotilla/shared/api/generated/types.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { createLogger, silentLogger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { type LeaseRequest, parseLeaseRequest } from '@flotilla/shared/protocol/lease-messages.js';
import type { TokenRequest } from '@flotilla/shared/protocol/link-messages.js';
import type { ManifestUpdate } from '@flotilla/shared/protocol/manifest-messages.js';
import type { BoardEvent, NodeReport, PodReport, StatusReport } from '@flotilla/shared/protocol/messages.js';
import type { DownKind } from '@flotilla/shared/protocol/topics.js';
import type { HubLink, LinkChannel, LinkHandlers, LinkPart } from '#hublink/types.ts';
import type { LeaseGuard } from '#leases/types.ts';
import { FakeHost } from '#node/fake-host.ts';
import { FakeRuntime } from '#runtime/fake/fake-runtime.ts';
import { type Content, keyed, makeUpdate } from '#spec/make-update.ts';
import { type Agent, type AgentDoors, createAgent } from './agent.ts';

/** The hub's side of the link, in memory: what it was told, and a switch for the network. */
export class FakeHub {
  readonly pods = new Map<string, PodReport>();
  readonly history: PodReport[] = [];
  readonly events: BoardEvent[] = [];
  node: NodeReport | undefined;
  reports = 0;
  tokens = 0;
  tokenLifeMs = 3_600_000;
  reachable = true;
  readonly #clock: Pick<Clock, 'wallMs' | 'monotonicMs' | 'after'>;
  /** The hub's clock is right, whatever becomes of the board's. */
  readonly #beganMs: number;
  /** What it was asked of leases, and the term it grants to all; undefined answers nothing. */
  readonly asked: LeaseRequest[] = [];
  termMs: number | undefined;
  #handlers: LinkHandlers | undefined;
  #parts: readonly LinkPart[] = [];
  #session = 0;
  #channel: LinkChannel | undefined;
  /** Messages of kinds with a class of their own, as they came. */
  readonly came: { readonly kind: string; readonly value: unknown }[] = [];
  #started = false;
  #revision = 0;
  manifest: ManifestUpdate | undefined;
  /** Objects of other kinds that it sends as well, by key. */
  further: Content = {};

  constructor(clock: Pick<Clock, 'wallMs' | 'monotonicMs' | 'after'>) {
    this.#clock = clock;
    this.#beganMs = clock.wallMs() - clock.monotonicMs();
  }

  get nowMs(): number {
    return this.#beganMs + this.#clock.monotonicMs();
  }

  /** What a new agent gets. */
  link(handlers: LinkHandlers, parts: readonly LinkPart[] = []): HubLink {
    this.#handlers = handlers;
    this.#parts = parts;
    const connected = (): boolean => this.#started && this.reachable && this.#handlers === handlers;
    return {
      start: () => {
        this.#started = true;
        if (this.reachable) this.#greet();
      },
      stop: async () => {
        this.#started = false;
      },
      get connected() {
        return connected();
      },
      report: async (report) => {
        if (!connected()) throw new Error('the hub is away');
        this.#take(report);
      },
      requestToken: async (request: TokenRequest) => {
        if (!connected()) throw new Error('the hub is away');
        const token = `token ${++this.tokens} of ${request.serviceAccount}`;
        return { token, expirationWallMs: this.#clock.wallMs() + this.tokenLifeMs };
      },
    };
  }

  /** Wants exactly these pods from now on; sends it when the board can be reached. */
  async want(pods: readonly Pod[], more: { configMaps?: readonly KubeObject[]; secrets?: readonly KubeObject[] } = {}): Promise<void> {
    this.manifest = makeUpdate(1, ++this.#revision, {
      'nodes/board': { metadata: { name: 'board' }, spec: { podCIDR: '10.213.7.0/26' } } as KubeObject,
      // By uid: a pod and its successor of the same name may be wanted at once here.
      ...Object.fromEntries(pods.map((pod) => [`pods/default/${pod.metadata?.uid}`, pod as KubeObject])),
      ...keyed('configmaps', more.configMaps ?? []),
      ...keyed('secrets', more.secrets ?? []),
      ...this.further,
    });
    if (this.reachable && this.#started) await this.#handlers?.manifest(this.manifest).catch(() => {});
  }

  cutOff(): void {
    this.reachable = false;
    if (!this.#started) return;
    for (const part of this.#parts) part.end?.();
    this.#handlers?.disconnected();
  }

  comeBack(): void {
    this.reachable = true;
    if (this.#started) this.#greet();
  }

  /** Sends what is of a kind with a class of its own; `session` is put in. */
  tell(kind: DownKind, value: object): void {
    const channel = this.#channel;
    if (!channel) throw new Error('the board never connected');
    this.#parts.find(({ kinds }) => kinds.includes(kind))?.receive(kind, { session: channel.session, ...value }, channel);
  }

  /** What opens streams and reads logs on the board. */
  get handlers(): LinkHandlers {
    if (!this.#handlers) throw new Error('the board never connected');
    return this.#handlers;
  }

  status(name: string): PodStatus {
    const found = [...this.pods.values()].filter((report) => report.name === name).at(-1);
    return (found?.status ?? {}) as PodStatus;
  }

  /** The events of a pod as `reason: message`. */
  said(name: string): string[] {
    return this.events.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason, message }) => `${reason}: ${message}`);
  }

  #greet(): void {
    this.#handlers?.time?.(this.nowMs);
    this.#handlers?.connected();
    const channel: LinkChannel = {
      session: ++this.#session,
      bootId: 'boot',
      send: async (kind, value) => {
        this.came.push({ kind, value });
        if (kind === 'lease') this.#grant(parseLeaseRequest(value), channel);
      },
      open: () => undefined,
    };
    this.#channel = channel;
    for (const part of this.#parts) part.begin?.(channel);
    if (this.manifest) void this.#handlers?.manifest(this.manifest).catch(() => {});
  }

  #grant(request: LeaseRequest, channel: LinkChannel): void {
    this.asked.push(request);
    const { nonce, held, void: idle } = request;
    const { termMs } = this;
    if (termMs === undefined) return;
    const pods = Object.fromEntries([...held, ...idle].map((uid) => [uid, termMs]));
    const part = this.#parts.find(({ kinds }) => kinds.includes('grant'));
    this.#clock.after('a grant', 0, () => part?.receive('grant', { session: channel.session, nonce, pods }, channel));
  }

  #take(report: StatusReport): void {
    this.reports++;
    if (report.node) this.node = report.node;
    if (report.full) this.pods.clear();
    for (const pod of report.pods) {
      const known = this.pods.get(pod.uid);
      if (known && known.sequence > pod.sequence) throw new Error(`the sequence of ${pod.name} went back`);
      this.pods.set(pod.uid, pod);
      this.history.push(pod);
    }
    this.events.push(...report.events);
  }
}

export interface Board {
  readonly clock: FakeClock;
  readonly files: FakeFiles;
  readonly runtime: FakeRuntime;
  readonly hub: FakeHub;
  agent: Agent;
  /** Starts a new agent on the same disk and the same runtime. */
  boot(): Promise<void>;
  /** The agent is gone without a word; with the power go all processes and what was not synced. */
  kill(how?: 'process' | 'power'): Promise<void>;
  /** Lets time pass and everything settle. */
  pass(ms?: number): Promise<void>;
}

/** A board with a fake clock, disk, runtime and hub around a real agent. */
export async function makeBoard(
  options: {
    readonly start?: boolean;
    readonly log?: boolean;
    readonly guard?: LeaseGuard;
    readonly traffic?: () => AgentDoors['traffic'];
  } = {},
): Promise<Board> {
  const clock = new FakeClock();
  const files = new FakeFiles();
  await files.mkdir('/data');
  const bootIdFile = '/proc/sys/kernel/random/boot_id';
  await files.mkdir('/proc/sys/kernel/random');
  await files.write(bootIdFile, 'boot-0\n');
  let boots = 0;
  const runtime = new FakeRuntime({ clock, images: { 'localhost/app:1': { present: true }, 'localhost/app:2': { present: true } } });
  const hub = new FakeHub(clock);
  const logger = options.log
    ? createLogger({ level: 'debug', wallMs: () => clock.wallMs(), write: (line) => process.stderr.write(line) })
    : silentLogger;
  let runs = 0;
  const newAgent = (): Agent =>
    createAgent(
      { dataDir: '/data/agent', nodeName: 'board', labels: {}, taints: [], capacity: {}, version: 'v1.34.0+flotilla.0' },
      {
        clock,
        random: new SeededRandom(++runs),
        files,
        logger,
        runtime,
        host: new FakeHost(),
        link: (handlers, parts) => hub.link(handlers, parts),
        ...(options.guard ? { guard: options.guard } : {}),
        ...(options.traffic ? { traffic: options.traffic() } : {}),
      },
    );
  const board: Board = {
    ...{ clock, files, runtime, hub },
    agent: newAgent(),
    async boot() {
      board.agent = newAgent();
      await board.agent.start();
    },
    async kill(how: 'process' | 'power' = 'process') {
      // From here on nothing of it reaches the disk; its promises end.
      files.cutAfter(0);
      const { agent } = board;
      const stopped = agent.stop().catch(() => {});
      await clock.advance(0);
      await stopped;
      if (how === 'power') runtime.reboot();
      files.restore({ keepUnsynced: how === 'process' });
      if (how === 'process') return;
      await files.write(bootIdFile, `boot-${++boots}\n`);
      clock.reboot(clock.wallMs());
    },
    async pass(ms = 0) {
      await clock.advance(ms);
      for (let turn = 0; turn < 4; turn++) await clock.advance(0);
    },
  };
  if (options.start !== false) await board.agent.start();
  return board;
}

let uids = 0;

export function makePod(name: string, spec: Partial<NonNullable<Pod['spec']>> = {}, metadata: Pod['metadata'] = {}): Pod {
  return {
    metadata: { name, namespace: 'default', uid: `uid-${name}-${++uids}`, ...metadata },
    spec: { containers: [makeContainer('main')], restartPolicy: 'Always', terminationGracePeriodSeconds: 30, nodeName: 'board', ...spec },
  };
}

/** @param env scripts the fake runtime, see runtime/fake/fake-behaviour.ts */
export function makeContainer(name: string, env: Record<string, string> = {}, more: Partial<Container> = {}): Container {
  return { name, image: 'localhost/app:1', env: Object.entries(env).map(([key, value]) => ({ name: key, value })), ...more };
}
