import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { ConnectRefused, type DevicePipe } from '@flotilla/shared/protocol/courier.js';
import type { TokenRequest } from '@flotilla/shared/protocol/link-messages.js';
import type { StatusReport } from '@flotilla/shared/protocol/messages.js';
import { retryWaitMs } from '@flotilla/shared/protocol/retry-message.js';
import { type RetrySchedule, retryDelayMs } from '@flotilla/shared/workqueue/retry-schedule.js';
import type { Courier } from './courier.ts';
import type { KeepAlive } from './keep-alive.ts';
import { type LinkIdentity, LinkSession } from './link-session.ts';
import { ManifestInbox } from './manifest-inbox.ts';
import type { TrustedTime } from './trusted-time.ts';
import type { HubLink, LinkHandlers, LinkMeter, LinkPart } from './types.ts';
import { UpdateAnswer } from './update-answer.ts';

export interface HubLinkOptions {
  readonly courier: Courier;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly identity: LinkIdentity;
  readonly handlers: LinkHandlers;
  /** Further kinds of messages, each with a class of its own. */
  readonly parts?: readonly LinkPart[];
  /** What the board knows of the time; told of each proof. */
  readonly time?: Pick<TrustedTime, 'proven'>;
  /** Between two pings on a silent line; the hub counts the board as offline after 2.5 times this. 20 s by default. */
  readonly keepAliveMs?: number;
  /** Takes the place of `keepAliveMs` where it adapts to the carrier. */
  readonly keepAlive?: KeepAlive;
  /** Counts what is sent and received. */
  readonly meter?: LinkMeter;
  readonly retry?: RetrySchedule;
  /** The hub does not know this key under this name. */
  readonly unknown?: () => void;
}

/** Full jitter from the first attempt on: a thousand boards that lose their hub at once do not come back in step. */
const defaultRetry: RetrySchedule = { baseMs: 1_000, maxMs: 60_000, jitter: 'full' };
/** A session that lasted this long counts as success; shorter ones make the next wait longer. */
const stableMs = 60_000;
/** Nobody said that the connection was over: the answer to a ping did not come. */
const silentEnd = /keep-?alive timeout|no answer to a ping/i;
/** The least wait after a refusal: a clone must not knock all the time. */
const leastWaitMs = { quarantined: 15_000, busy: 5_000, unauthorized: 5_000 } as const;

export function createHubLink(options: HubLinkOptions): HubLink {
  return new ReconnectingLink(options);
}

class ReconnectingLink implements HubLink {
  readonly #options: HubLinkOptions;
  readonly #parts: readonly LinkPart[];
  #session: LinkSession | undefined;
  #running: { readonly controller: AbortController; readonly done: Promise<void> } | undefined;
  #failures = 0;
  /** Tries since the last connection. */
  #attempts = 0;

  constructor(options: HubLinkOptions) {
    this.#options = options;
    const { clock, handlers, identity, logger } = options;
    const { manifestKeys, scope } = identity;
    const inbox = new ManifestInbox({ clock, handlers, logger, scope, manifestKeys });
    this.#parts = [inbox, new UpdateAnswer(), ...(options.parts ?? [])];
  }

  get connected(): boolean {
    return this.#session?.isLive ?? false;
  }

  prepare(): void {
    this.#options.courier.prepare?.();
  }

  start(): void {
    if (this.#running) return;
    const controller = new AbortController();
    this.#running = { controller, done: this.#run(controller.signal) };
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    running.controller.abort(new Error('the link stops'));
    this.#session?.close('the agent stops');
    await running.done;
    this.#running = undefined;
  }

  report(report: StatusReport): Promise<void> {
    return this.#session?.report(report) ?? Promise.reject(new Error('the hub is away'));
  }

  requestToken(request: TokenRequest): Promise<{ token: string; expirationWallMs: number }> {
    return this.#session?.requestToken(request) ?? Promise.reject(new Error('the hub is away'));
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, logger, random } = this.#options;
    while (!signal.aborted) {
      let leastMs = 0;
      let askedMs: number | undefined;
      try {
        askedMs = await this.#oneSession(signal);
      } catch (error) {
        if (error instanceof ConnectRefused) {
          leastMs = leastWaitMs[error.refusal];
          if (error.refusal === 'unauthorized') this.#options.unknown?.();
        }
        logger.info('no connection to the hub', { error: describeError(error) });
      }
      if (signal.aborted) return;
      // A hub that says when it can take the board is neither a failure nor a success.
      if (askedMs === undefined) this.#failures++;
      const ownMs = leastMs + retryDelayMs(this.#options.retry ?? defaultRetry, this.#failures, random);
      const waitMs = askedMs === undefined ? ownMs : retryWaitMs(askedMs, random.next());
      await clock.sleep('hublink: reconnect', waitMs, signal).catch(() => {});
    }
  }

  /** Resolves when a session that was reached has ended, with the hub's wish when to come again. */
  async #oneSession(signal: AbortSignal): Promise<number | undefined> {
    const { clock, courier, handlers, identity, logger, random } = this.#options;
    const { keepAlive, keepAliveMs = 20_000, meter, time } = this.#options;
    const agreedMs = keepAlive?.next(++this.#attempts) ?? keepAliveMs;
    let stable: Timer | undefined;
    let live = false;
    const adapt = (): void => {
      // What is under way is worth more than a better keep-alive; the next silence will do.
      if (live && keepAlive && keepAlive.ms !== agreedMs && session.isQuiet) session.close('another keep-alive is to be agreed');
    };
    keepAlive?.onReconnect(adapt);
    const session = new LinkSession({
      clock,
      logger,
      identity,
      handlers,
      parts: this.#parts,
      ...(time ? { time } : {}),
      ...(meter ? { meter } : {}),
      pinged: (idleMs) => {
        keepAlive?.pinged(idleMs);
        adapt();
      },
      nonce: random.bytes(16).toString('base64url'),
      live: (hubHasReports) => {
        live = true;
        keepAlive?.connected(this.#attempts);
        this.#attempts = 0;
        stable = clock.after('hublink: stable', stableMs, () => {
          this.#failures = 0;
        });
        logger.info('connected to the hub');
        handlers.connected(hubHasReports);
      },
    });
    this.#session = session;
    try {
      const introduction = { bootId: identity.bootId, serial: identity.serial, keepAliveMs: agreedMs };
      session.greet(await orAborted(courier.connect(introduction, session), signal));
      const reason = await session.ended;
      logger.info('disconnected from the hub', { reason });
      if (live) keepAlive?.ended(silentEnd.test(reason));
      return session.retryAfterMs;
    } finally {
      session.closed('never connected');
      this.#session = undefined;
      stable?.cancel();
      if (live) handlers.disconnected();
    }
  }
}

/** Does not wait for an attempt that nobody wants any more; should it still succeed, its connection is closed. */
async function orAborted(connecting: Promise<DevicePipe>, signal: AbortSignal): Promise<DevicePipe> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    reject(signal.reason);
    connecting.then(
      (pipe) => pipe.close(),
      () => {},
    );
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([connecting, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
