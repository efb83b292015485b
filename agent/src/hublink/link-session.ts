import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { DeviceEnd, DevicePipe } from '@flotilla/shared/protocol/courier.js';
import { open, type PinnedKey } from '@flotilla/shared/protocol/envelope.js';
import { encodeJson, FrameReader } from '@flotilla/shared/protocol/frame.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import type { Hello, Refusal, TokenAnswer, TokenRequest } from '@flotilla/shared/protocol/link-messages.js';
import type { StatusReport } from '@flotilla/shared/protocol/messages.js';
import { parseRefusal } from '@flotilla/shared/protocol/parse-both.js';
import { parseAck, parseEnvelope, parseTokenAnswer, parseWelcome } from '@flotilla/shared/protocol/parse-down.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import { parseRetry } from '@flotilla/shared/protocol/retry-message.js';
import { parseStream } from '@flotilla/shared/protocol/stream-messages.js';
import { type DownKind, downKindOf, type TopicScope, type UpKind } from '@flotilla/shared/protocol/topics.js';
import { accepts, coreVersion, protocolVersions } from '@flotilla/shared/protocol/versions.js';
import { BoardStreams } from './board-streams.ts';
import type { TrustedTime } from './trusted-time.ts';
import type { LinkChannel, LinkHandlers, LinkMeter, LinkPart } from './types.ts';
import { type Lane, Uplink } from './uplink.ts';

export interface LinkIdentity {
  readonly scope: TopicScope;
  readonly agentVersion: string;
  /** /proc/sys/kernel/random/boot_id */
  readonly bootId: string;
  /** The machine's serial number; empty when it has none. */
  readonly serial: string;
  /** Protocol versions that it speaks; those of this build when undefined. */
  readonly versions?: readonly number[];
  /** The hub's signing keys, pinned at join. */
  readonly manifestKeys: readonly PinnedKey[];
}

export interface LinkSessionOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly identity: LinkIdentity;
  readonly nonce: string;
  readonly handlers: LinkHandlers;
  readonly parts: readonly LinkPart[];
  /** Learns the hub's time before anybody else. */
  readonly time?: Pick<TrustedTime, 'proven'>;
  /** Counts what is sent and received. */
  readonly meter?: LinkMeter;
  /** A ping was answered on a silent line, see DeviceEnd. */
  readonly pinged?: (idleMs: number) => void;
  /** Greeted: the session is good for everything. @param hubHasReports see LinkHandlers.connected */
  readonly live: (hubHasReports: boolean) => void;
}

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

type Token = { token: string; expirationWallMs: number };

const coreKinds: readonly DownKind[] = ['welcome', 'update', 'retry', 'refusal'];

const helloAgainMs = 5_000;
const welcomeWithinMs = 30_000;
const reportAgainMs = 15_000;
const tokenAgainMs = 10_000;
const tokenAttempts = 3;
const waitingReports = 16;

/**
 * One connection, from hello to its end. Whatever waits for an answer is sent again until the session ends, so a lost message costs
 * time and nothing else; at the end everything that waits is rejected.
 */
export class LinkSession implements DeviceEnd {
  readonly #options: LinkSessionOptions;
  readonly #reader = new FrameReader();
  readonly #streams: BoardStreams;
  readonly #reports: { readonly report: StatusReport; readonly waiting: Waiting<void> }[] = [];
  readonly #tokens = new Map<string, Waiting<Token>>();
  readonly #timers = new Set<Timer>();
  readonly #ended: Promise<string>;
  #end: (reason: string) => void = () => {};
  #pipe: DevicePipe | undefined;
  #uplink: Uplink | undefined;
  #session: number | undefined;
  /** The hub is too far ahead or behind: the pods run on, and the hub may send an update. */
  #coreOnly = false;
  #channel: LinkChannel | undefined;
  #reportNumber = 0;
  #tokenNumber = 0;
  #reason: string | undefined;
  #retryAfterMs: number | undefined;

  constructor(options: LinkSessionOptions) {
    this.#options = options;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#streams = new BoardStreams({
      clock: options.clock,
      handlers: options.handlers,
      // What lets the other end go on does not wait behind what this end sends.
      sendJson: (message) => this.#send('stream', message, message.op === 'credit' || message.op === 'marked' ? 'sync' : undefined),
      sendBytes: (payload) => this.#sendBytes('stream', payload),
    });
  }

  /** Resolves with the reason when the session is over. */
  get ended(): Promise<string> {
    return this.#ended;
  }

  /** When the hub wants to see this board again; undefined when it did not say. */
  get retryAfterMs(): number | undefined {
    return this.#retryAfterMs;
  }

  get isLive(): boolean {
    return this.#session !== undefined && !this.#coreOnly && this.#reason === undefined;
  }

  /** Nothing waits for an answer, and no stream is open. */
  get isQuiet(): boolean {
    return this.#reports.length === 0 && this.#tokens.size === 0 && this.#streams.open === 0;
  }

  /** Says hello over an open connection. */
  greet(pipe: DevicePipe): void {
    if (this.#reason !== undefined) {
      pipe.close();
      return;
    }
    this.#pipe = pipe;
    const { clock, identity, meter } = this.#options;
    this.#uplink = new Uplink({ pipe, clock, scope: identity.scope, meter });
    const applied = this.#options.handlers.applied();
    const reported = this.#options.handlers.reported?.();
    const { agentVersion, bootId } = this.#options.identity;
    const hello: Hello = {
      ...{ agentVersion, versions: this.#versions, bootId, nonce: this.#options.nonce },
      ...(this.#options.handlers.openStream ? { streams: 2 } : {}),
      ...(applied ? { applied } : {}),
      ...(reported === undefined ? {} : { reported }),
    };
    const say = (): void => {
      if (this.#session !== undefined || this.#reason !== undefined) return;
      void this.#send('hello', hello).catch(() => {});
      this.#after('hello again', helloAgainMs, say);
    };
    say();
    this.#after('welcome', welcomeWithinMs, () => this.#session === undefined && this.close('the hub did not say welcome'));
  }

  close(reason: string): void {
    this.closed(reason);
    this.#pipe?.close();
  }

  closed(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#streams.end(reason);
    const error = new Error(`the session with the hub ended: ${reason}`);
    this.#uplink?.close(error);
    for (const { waiting } of this.#reports.splice(0)) waiting.reject(error);
    for (const waiting of this.#tokens.values()) waiting.reject(error);
    this.#tokens.clear();
    if (this.#channel && !this.#coreOnly) for (const part of this.#options.parts) part.end?.();
    this.#end(reason);
  }

  pinged(idleMs: number): void {
    this.#options.pinged?.(idleMs);
  }

  message(topic: string, payload: Buffer): void {
    if (this.#reason !== undefined) return;
    let kind: DownKind | undefined;
    try {
      kind = downKindOf(this.#options.identity.scope, topic);
      this.#options.meter?.message('down', kind, topic.length + payload.length);
      this.#uplink?.heard(kind);
      const decoded = this.#reader.read(payload);
      if (decoded?.type === 'data') this.#streams.data(decoded.frame);
      else if (decoded) this.#receive(kind, decoded.value);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#options.logger.warn('refused a message of the hub', { topic, reason: error.reason, error });
      if (kind !== 'refusal') this.#refuse(kind ?? topic.slice(0, linkLimits.textBytes), error.reason, error.message);
    }
  }

  report(report: StatusReport): Promise<void> {
    if (!this.isLive) return Promise.reject(new Error('the hub is away'));
    if (this.#reports.length >= waitingReports) return Promise.reject(new Error(`${waitingReports} reports are waiting already`));
    return new Promise((resolve, reject) => {
      this.#reports.push({ report, waiting: { resolve, reject } });
      if (this.#reports.length === 1) this.#sendReport();
    });
  }

  requestToken(request: TokenRequest): Promise<Token> {
    const session = this.#session;
    if (session === undefined || !this.isLive) return Promise.reject(new Error('the hub is away'));
    if (this.#tokens.size >= linkLimits.tokenRequests)
      return Promise.reject(new Error(`${linkLimits.tokenRequests} token requests are waiting already`));
    const id = String(++this.#tokenNumber);
    return new Promise((resolve, reject) => {
      this.#tokens.set(id, { resolve, reject });
      const ask = (attempt: number): void => {
        if (!this.#tokens.has(id)) return;
        if (attempt > tokenAttempts) {
          this.#tokens.delete(id);
          reject(new Error('the hub did not answer a token request'));
          return;
        }
        void this.#send('token', { session, id, ...request }).catch(() => {});
        this.#after('token request again', tokenAgainMs, () => ask(attempt + 1));
      };
      ask(1);
    });
  }

  #receive(kind: DownKind, value: unknown): void {
    if (this.#coreOnly && !coreKinds.includes(kind)) throw new ProtocolError('Version', `${kind} in a session that has only the core`);
    switch (kind) {
      case 'welcome':
        this.#welcome(value);
        return;
      case 'ack': {
        const { session, number } = parseAck(value);
        if (session === this.#session && number === this.#reportNumber) this.#acknowledged();
        return;
      }
      case 'token':
        this.#token(parseTokenAnswer(value));
        return;
      case 'stream': {
        const message = parseStream(value);
        if (message.session === this.#session) this.#streams.receive(message);
        return;
      }
      case 'refusal':
        this.#refused(parseRefusal(value));
        return;
      case 'retry':
        this.#retry(value);
        return;
      default:
        if (this.#channel) this.#options.parts.find((part) => part.kinds.includes(kind))?.receive(kind, value, this.#channel);
    }
  }

  get #versions(): readonly number[] {
    return this.#options.identity.versions ?? protocolVersions;
  }

  #welcome(value: unknown): void {
    if (this.#session !== undefined) return;
    const { manifestKeys, scope } = this.#options.identity;
    const welcome = parseWelcome(open(manifestKeys, 'welcome', scope, parseEnvelope(value)));
    if (welcome.nonce !== this.#options.nonce) throw new ProtocolError('Untrusted', 'the welcome answers another hello');
    if (!accepts(this.#versions, welcome.version))
      throw new ProtocolError('Version', `protocol version ${welcome.version} is not spoken here`);
    const { certificateEndMs = Number.POSITIVE_INFINITY } = this.#pipe ?? {};
    const doubt = this.#options.time?.proven(welcome.wallMs, certificateEndMs);
    if (doubt) {
      this.#options.logger.error('this is not our hub', { reason: doubt });
      this.close(doubt);
      return;
    }
    this.#session = welcome.session;
    this.#options.handlers.time?.(welcome.wallMs);
    this.#channel = {
      session: welcome.session,
      bootId: this.#options.identity.bootId,
      send: (kind, message) => this.#send(kind, message),
      open: (purpose, sealed) => open(manifestKeys, purpose, scope, parseEnvelope(sealed)),
    };
    if (welcome.version === coreVersion) {
      this.#coreOnly = true;
      this.#options.logger.error('this agent and its hub are too far apart; it needs an update', { versions: this.#versions });
      return;
    }
    this.#options.live(welcome.reported ?? false);
    for (const part of this.#options.parts) part.begin?.(this.#channel);
  }

  #retry(value: unknown): void {
    const { bootId, manifestKeys, scope } = this.#options.identity;
    const retry = parseRetry(open(manifestKeys, 'retry', scope, parseEnvelope(value)));
    if (retry.bootId !== bootId) throw new ProtocolError('Untrusted', 'the retry is for another boot of this board');
    this.#retryAfterMs = retry.afterMs;
    this.close(`the hub asks to come again in ${Math.round(retry.afterMs / 1000)} s`);
  }

  #refused(refusal: Refusal): void {
    this.#options.logger.warn('the hub refused a message', { ...refusal });
    if (refusal.about === 'report' && refusal.reason !== 'Busy') {
      const head = this.#reports.shift();
      head?.waiting.reject(new ProtocolError(refusal.reason, refusal.message));
      if (this.#reports.length > 0) this.#sendReport();
    }
    if (refusal.reason === 'Session') this.close(refusal.message);
  }

  #sendReport(): void {
    const number = ++this.#reportNumber;
    const send = (): void => {
      const head = this.#reports[0];
      if (!head || number !== this.#reportNumber || this.#session === undefined) return;
      this.#send('report', { session: this.#session, number, report: head.report }).catch((error: Error) => {
        // Too large to travel: sending it again would not help. A connection that is gone rejects it by itself.
        if (error instanceof ProtocolError) this.#refused({ about: 'report', reason: error.reason, message: error.message });
      });
      this.#after('report again', reportAgainMs, send);
    };
    send();
  }

  #acknowledged(): void {
    this.#reports.shift()?.waiting.resolve();
    // The number moves on even with nothing to send: a second copy of this acknowledgement must not confirm the next report.
    if (this.#reports.length > 0) this.#sendReport();
    else this.#reportNumber++;
  }

  #token(answer: TokenAnswer): void {
    const waiting = this.#tokens.get(answer.id);
    if (!waiting || answer.session !== this.#session) return;
    this.#tokens.delete(answer.id);
    if ('error' in answer) waiting.reject(new Error(answer.error));
    else waiting.resolve({ token: answer.token, expirationWallMs: answer.expirationWallMs });
  }

  #refuse(about: string, reason: Refusal['reason'], message: string): void {
    const refusal: Refusal = { about, reason, message: message.slice(0, linkLimits.proseBytes) };
    void this.#send('refusal', refusal).catch(() => {});
  }

  async #send(kind: UpKind, value: unknown, lane?: Lane): Promise<void> {
    for (const payload of encodeJson(value)) await this.#sendBytes(kind, payload, lane);
  }

  async #sendBytes(kind: UpKind, payload: Buffer, lane?: Lane): Promise<void> {
    if (!this.#uplink || this.#reason !== undefined) throw new Error('the hub is away');
    await this.#uplink.send(kind, payload, lane);
  }

  #after(name: string, delayMs: number, fire: () => void): void {
    const timer = this.#options.clock.after(`hublink: ${name}`, delayMs, () => {
      this.#timers.delete(timer);
      fire();
    });
    this.#timers.add(timer);
  }
}
