import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { StatusError, unavailable } from '@flotilla/shared/errors/status.js';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import { type EnvelopeSigner, seal } from '@flotilla/shared/protocol/envelope.js';
import { encodeJson, FrameReader } from '@flotilla/shared/protocol/frame.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { Refusal, ReportMessage, TokenMessage, Welcome } from '@flotilla/shared/protocol/link-messages.js';
import { type ManifestMessage, parseWant } from '@flotilla/shared/protocol/manifest-messages.js';
import type { Generation, StatusReport } from '@flotilla/shared/protocol/messages.js';
import { parseRefusal } from '@flotilla/shared/protocol/parse-both.js';
import { parseApplied, parseHello, parseReport, parseToken } from '@flotilla/shared/protocol/parse-up.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import { parseStream } from '@flotilla/shared/protocol/stream-messages.js';
import type { StreamWindows } from '@flotilla/shared/protocol/stream-windows.js';
import type { DownKind, UpKind } from '@flotilla/shared/protocol/topics.js';
import { agree, coreVersion, protocolVersions } from '@flotilla/shared/protocol/versions.js';
import type { Broker, DeviceSession } from '#broker/types.ts';
import type { ReportIngest } from './ingest/report-ingest.ts';
import type { ReportMemory } from './ingest/report-memory.ts';
import type { ManifestContent } from './manifest/manifest-content.ts';
import type { ManifestNumbers } from './manifest/manifest-numbers.ts';
import { ManifestSender } from './manifest/manifest-sender.ts';
import type { BoardHold, NodeChannel, NodePart } from './node-part.ts';
import type { Slots } from './storm/slots.ts';
import type { WorkLanes } from './storm/work-lanes.ts';
import { HubStreams } from './streams/hub-streams.ts';

/** @throws StatusError or Error whose message goes to the board */
export type IssueToken = (request: {
  readonly node: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: { readonly name: string; readonly uid: string };
  readonly audience: string | undefined;
  readonly expirationSeconds: number;
}) => Promise<{ token: string; expirationWallMs: number }>;

export interface NodeSessionOptions {
  readonly session: DeviceSession;
  readonly broker: Broker;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signer: EnvelopeSigner;
  readonly ingest: ReportIngest;
  readonly numbers: ManifestNumbers;
  readonly build: () => ManifestContent;
  /** Whether this pod with this uid is bound to this node and runs as this service account. */
  readonly mayHaveToken: (request: TokenMessage) => boolean;
  readonly issueToken: IssueToken;
  readonly parts: readonly NodePart[];
  readonly streamWindows: StreamWindows;
  readonly hold?: BoardHold | undefined;
  /** What sessions before this one left; nothing when left out. */
  readonly memory?: Pick<ReportMemory, 'has' | 'keep'> | undefined;
  /** Where what takes long waits for its turn; at once when left out. */
  readonly lanes?: Pick<WorkLanes, 'offer'> | undefined;
  /** Reports that are written at one time, over all boards; any number when left out. */
  readonly reportSlots?: Slots | undefined;
  /** Protocol versions that the hub speaks; those of this build when undefined. */
  readonly versions?: readonly number[] | undefined;
  /** Something an operator should see as an Event of the Node. */
  readonly warn: (reason: string, message: string) => void;
}

/** What one connection of one board says and is told. Ends with the connection; the next one begins anew from hello. */
export class NodeSession {
  readonly device: DeviceSession;
  readonly streams: HubStreams;
  readonly #options: NodeSessionOptions;
  readonly #reader = new FrameReader();
  readonly #manifests: ManifestSender;
  readonly #channel: NodeChannel;
  #greeted = false;
  #helloTimer: Timer | undefined;
  /** The two releases are too far apart for more than time and updates. */
  #coreOnly = false;
  #over = false;
  /** The report being written, and the last one that was acknowledged. */
  #taking = -1;
  #acknowledged = -1;
  /** The highest sequence that is committed, once everything the board knows is. */
  #reported: number | undefined;
  #tokens = 0;
  #streamWarned = false;

  constructor(options: NodeSessionOptions) {
    this.#options = options;
    this.device = options.session;
    this.streams = new HubStreams({
      node: options.session.node,
      session: options.session.epoch,
      clock: options.clock,
      windows: options.streamWindows,
      send: (message) => {
        // What the hub allows a board to send is no flood.
        if (message.op === 'open') options.broker.expect(options.session, message.credit);
        else if (message.op === 'credit') options.broker.expect(options.session, message.bytes);
        return this.#send('stream', message);
      },
      sendBytes: (payload) => options.broker.send(options.session, 'stream', payload),
    });
    this.#manifests = new ManifestSender({
      clock: options.clock,
      build: options.build,
      number: (digest, board) => options.numbers.number(options.session.node, digest, board),
      sign: (generation) => this.#channel.seal('manifest', { node: options.session.node, generation }),
      send: (message, generation) => this.#sendManifest(message, generation),
      sendParts: (parts) => this.#send('objects', { session: this.device.epoch, parts }),
    });
    const { clusterId, session, signer, warn } = options;
    this.#channel = {
      device: session,
      send: (kind, value) => this.#send(kind, value),
      seal: (purpose, payload) => seal(signer, purpose, { clusterId, node: session.node }, payload),
      open: (request, signal) => this.streams.open(request, signal),
      warn,
    };
  }

  end(): void {
    if (this.#greeted && !this.#coreOnly && !this.#over) for (const part of this.#options.parts) part.end?.(this.#channel);
    // What is being written now may be committed or not.
    if (!this.#over) this.#options.memory?.keep(this.device.node, this.#taking > this.#acknowledged ? undefined : this.#reported);
    this.#over = true;
    this.#helloTimer?.cancel();
    this.#manifests.stop();
    this.streams.end(unavailable(`node ${this.device.node} went away`));
  }

  /** What this node shall have may be another now. */
  changed(): void {
    this.#manifests.changed();
  }

  /** Calls `silent` when nobody says hello in time. */
  expectHello(withinMs: number, silent: () => void): void {
    this.#helloTimer = this.#options.clock.after('nodesync: hello', withinMs, silent);
  }

  /** There is no room for a message that came. */
  refuseBusy(kind: UpKind): void {
    if (kind !== 'refusal' && !this.#over) this.#refuse(kind, 'Busy', 'the hub has too much to do; say it again later');
  }

  message(kind: UpKind, payload: Buffer): void {
    if (this.#over) return;
    try {
      const decoded = this.#reader.read(payload);
      if (decoded?.type === 'data') this.streams.data(decoded.frame);
      else if (decoded) this.#receive(kind, decoded.value);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#options.logger.warn('refused a message of a board', { kind, reason: error.reason, error });
      if (kind === 'stream') this.#streamRefused(error);
      this.#options.broker.charge(this.device);
      if (kind !== 'refusal') this.#refuse(kind, error.reason, error.message);
    }
  }

  /** A stream of somebody else, or one that breaks its bounds, is no accident: it is shown once in a session. */
  #streamRefused({ reason, message }: ProtocolError): void {
    if (this.#streamWarned || (reason !== 'Forbidden' && reason !== 'TooLarge')) return;
    this.#streamWarned = true;
    this.#options.warn('StreamRefused', `The hub refused what the board sent on a stream: ${message}`);
  }

  #receive(kind: UpKind, value: unknown): void {
    if (kind === 'hello') {
      this.#hello(value);
      return;
    }
    if (!this.#greeted) throw new ProtocolError('Session', `${kind} before hello`);
    if (this.#coreOnly && kind !== 'refusal') throw new ProtocolError('Version', `${kind} in a session that has only the core`);
    switch (kind) {
      case 'report': {
        const message = parseReport(value);
        if (this.#isCurrent(message)) void this.#report(message);
        return;
      }
      case 'applied': {
        const message = parseApplied(value);
        if (this.#isCurrent(message)) this.#manifests.applied(message.applied);
        return;
      }
      case 'want': {
        const message = parseWant(value);
        if (this.#isCurrent(message)) this.#manifests.want(message).catch(() => {});
        return;
      }
      case 'token': {
        const message = parseToken(value);
        if (this.#isCurrent(message)) void this.#token(message);
        return;
      }
      case 'stream': {
        const message = parseStream(value);
        if (this.#isCurrent(message)) this.streams.receive(message);
        return;
      }
      case 'refusal': {
        const { about, reason, message } = parseRefusal(value);
        this.#options.logger.warn('a board refused a message', { about, reason, refusal: message });
        if (about === 'manifest') this.#manifests.refused(reason);
        if (about === 'manifest' && reason !== 'Gap')
          this.#options.warn('ManifestRefused', `The board did not take over its manifest: ${message}`);
        return;
      }
      default:
        this.#options.parts.find((part) => part.kinds.includes(kind))?.receive(kind, value, this.#channel);
    }
  }

  /** Comes again when the board does not hear the answer. */
  #hello(value: unknown): void {
    const hello = parseHello(value);
    const own = this.#options.versions ?? protocolVersions;
    const { version, deltas } = agree(own, hello.versions);
    const { clock, clusterId, session, signer } = this.#options;
    const { reported } = hello;
    if (!this.#greeted && reported !== undefined && this.#options.memory?.has(session.node, reported)) this.#reported = reported;
    const known = reported !== undefined && this.#reported === reported;
    const welcome: Welcome = {
      ...{ nonce: hello.nonce, version, session: session.epoch, wallMs: Math.floor(clock.wallMs()) },
      ...(known ? { reported: true } : {}),
    };
    this.#quietly('welcome', seal(signer, 'welcome', { clusterId, node: session.node }, welcome));
    const first = !this.#greeted;
    this.#greeted = true;
    this.#helloTimer?.cancel();
    if (version === coreVersion) {
      if (!first) return;
      this.#coreOnly = true;
      const message = `it speaks protocol versions ${hello.versions.join(', ')}, this hub ${own.join(', ')}: it keeps its pods, and needs an update`;
      this.#options.warn('AgentVersion', message);
      this.streams.end(unavailable(`the agent of node ${session.node} needs an update`));
      return;
    }
    this.streams.greeted(hello.streams);
    if (first) for (const part of this.#options.parts) part.begin?.(this.#channel);
    const start = (): void => {
      const begin = (): void => this.#manifests.start(hello.applied, deltas);
      if (!this.#options.lanes?.offer('sync', session.node, 0, begin)) begin();
    };
    const held = first ? this.#options.hold?.manifests(session.node) : undefined;
    if (held !== undefined) void held.then(start);
    else if (first) start();
  }

  async #report({ number, report }: ReportMessage): Promise<void> {
    const session = this.device.epoch;
    if (number <= this.#acknowledged) return this.#quietly('ack', { session, number });
    // A copy of the one being written; it will be acknowledged.
    if (number <= this.#taking) return;
    // The board sends its next report only after this one's acknowledgement, so there is never a second one to write.
    if (this.#taking > this.#acknowledged) return this.#refuse('report', 'Busy', 'the report before this one is being written');
    this.#taking = number;
    try {
      await this.#options.hold?.reports(this.device.node);
      if (!(await this.#write(report))) return;
      this.#acknowledged = number;
      this.#count(report);
      if (!this.#over) this.#quietly('ack', { session, number });
    } catch (error) {
      this.#taking = this.#acknowledged;
      this.#options.logger.error('could not write a report', { error });
      this.#refuse('report', 'Busy', 'the hub could not write this report now');
    }
  }

  #count({ full, node, pods }: StatusReport): void {
    if (!full && this.#reported === undefined) return;
    this.#reported = Math.max(this.#reported ?? 0, node?.sequence ?? 0, ...pods.map(({ sequence }) => sequence));
  }

  /** @returns false when the session ended before it began */
  async #write(report: StatusReport): Promise<boolean> {
    const slots = this.#options.reportSlots;
    const turn = slots?.enter();
    if (turn === 'full') throw new Error('too many reports are waiting to be written');
    if (turn !== undefined) await turn;
    try {
      if (this.#over) return false;
      this.#manifests.applied(report.applied);
      await this.#options.ingest.take(report, this.#manifests.settled);
      return true;
    } finally {
      slots?.leave();
    }
  }

  async #token(message: TokenMessage): Promise<void> {
    const head = { session: this.device.epoch, id: message.id };
    if (this.#tokens >= linkLimits.tokenRequests) return this.#quietly('token', { ...head, error: 'too many token requests at once' });
    this.#tokens++;
    try {
      if (!this.#options.mayHaveToken(message))
        throw new Error(`pod ${message.namespace}/${message.podName} is not bound to node ${this.device.node}`);
      const { namespace, serviceAccount, audience, expirationSeconds, podName: name, podUid: uid } = message;
      const request = { node: this.device.node, namespace, serviceAccount, pod: { name, uid }, audience, expirationSeconds };
      this.#quietly('token', { ...head, ...(await this.#options.issueToken(request)) });
    } catch (error) {
      this.#quietly('token', { ...head, error: describeError(error).slice(0, linkLimits.proseBytes) });
    } finally {
      this.#tokens--;
    }
  }

  async #sendManifest(message: ManifestMessage, generation: Generation): Promise<void> {
    const { logger, warn } = this.#options;
    const entries = Object.keys(message.entries).length;
    try {
      if (entries > linkLimits.contentEntries)
        throw new ProtocolError('TooLarge', `it has ${entries} objects; the limit is ${linkLimits.contentEntries}`);
      await this.#send('manifest', message);
    } catch (error) {
      if (error instanceof ProtocolError)
        warn('ManifestTooLarge', `What is bound to this node does not fit into a manifest: ${error.message}`);
      logger.info('could not send a manifest', { generation, error });
      throw error;
    }
  }

  #isCurrent(message: { readonly session: number }): boolean {
    return message.session === this.device.epoch;
  }

  #refuse(about: string, reason: Refusal['reason'], message: string): void {
    this.#quietly('refusal', { about, reason, message: message.slice(0, linkLimits.proseBytes) } satisfies Refusal);
  }

  /** For answers that the board asks for again. */
  #quietly(kind: DownKind, value: unknown): void {
    this.#send(kind, value).catch((error: unknown) => {
      if (!this.#over) this.#options.logger.debug('could not send', { kind, error });
    });
  }

  async #send(kind: DownKind, value: unknown): Promise<void> {
    if (this.#over) throw new StatusError(503, 'ServiceUnavailable', `node ${this.device.node} is offline`);
    if (kind === 'manifest' || kind === 'objects') this.streams.rest();
    for (const payload of encodeJson(value)) await this.#options.broker.send(this.device, kind, payload);
  }
}
