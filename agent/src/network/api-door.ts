import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import { StatusError } from '@flotilla/shared/errors/status.js';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import type { Listener, Listeners } from '@flotilla/shared/platform/listeners.js';
import type { CallMessage } from '@flotilla/shared/protocol/call-messages.js';
import type { PodStream } from '@flotilla/shared/protocol/stream-messages.js';
import type { DownKind } from '@flotilla/shared/protocol/topics.js';
import type { LinkChannel, LinkPart } from '#hublink/types.ts';
import { socketStream } from '#runtime/socket-stream.ts';

export interface ApiDoorOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly listeners: Listeners;
}

/** Where pods find the API. */
export interface ApiPlace {
  /** As the hub's certificate has it. */
  readonly host: string;
  readonly port: number;
  /** What the name stands for in this pod. */
  readonly address: string;
}

interface Waiting {
  readonly socket: Duplex;
  readonly timer: Timer;
}

/** The hub's certificate is good for this name, on every board the same. */
const apiHost = 'kubernetes.default.svc';
/** A port that neither pods nor the hub itself are likely to want on an address of this machine. */
const apiPort = 16443;
/** Calls that wait for the hub, and connections that stand: pods must not use up the streams of kubectl. */
const mostWaiting = 16;
const mostOpen = 64;
const answeredWithinMs = 10_000;

/**
 * Lets pods speak to the API: takes their connections on the pod network's own address (and on loopback for pods on the host's network) and
 * hands the bytes, TLS and all, to the hub through the link. Without the link they are hung up at once.
 */
export class ApiDoor implements LinkPart {
  readonly kinds: readonly DownKind[] = [];
  readonly #options: ApiDoorOptions;
  readonly #listeners = new Map<string, Promise<Listener | undefined>>();
  readonly #waiting = new Map<number, Waiting>();
  #open = 0;
  #channel: LinkChannel | undefined;
  #lastCall = 0;

  constructor(options: ApiDoorOptions) {
    this.#options = options;
  }

  /** @param gateway the pod network's own address; undefined for a pod on the host's network */
  placeFor(gateway: string | undefined): ApiPlace {
    return { host: apiHost, port: apiPort, address: gateway ?? '127.0.0.1' };
  }

  /** Listens at this address, if it does not already. It may not be there before the first pod on the network: then it is tried again. */
  async ensure(address: string): Promise<void> {
    const { listeners, logger } = this.#options;
    const before = this.#listeners.get(address);
    const listener = await before;
    if (listener?.current && !(await listener.current()) && this.#listeners.get(address) === before) {
      listener.close();
      this.#listeners.delete(address);
    }
    const listening =
      this.#listeners.get(address) ??
      listeners
        .listen({ host: address, port: apiPort }, (socket) => this.#called(socket))
        .catch((error: unknown) => {
          this.#listeners.delete(address);
          logger.debug('cannot take calls to the API yet', { address, port: apiPort, error: describeError(error) });
          return undefined;
        });
    this.#listeners.set(address, listening);
    await listening;
  }

  begin(channel: LinkChannel): void {
    this.#channel = channel;
    this.#lastCall = 0;
  }

  receive(): void {}

  end(): void {
    this.#channel = undefined;
    for (const call of [...this.#waiting.keys()]) this.#hangUp(call);
  }

  stop(): void {
    this.end();
    for (const listening of this.#listeners.values()) void listening.then((listener) => listener?.close());
    this.#listeners.clear();
  }

  /** The hub answers a call. @throws StatusError when its caller is gone */
  take(call: number, signal: AbortSignal): PodStream {
    const waiting = this.#waiting.get(call);
    if (!waiting) throw new StatusError(404, 'NotFound', `no call ${call} waits here`);
    waiting.timer.cancel();
    this.#waiting.delete(call);
    this.#open++;
    waiting.socket.once('close', () => {
      this.#open--;
    });
    return socketStream(waiting.socket, signal);
  }

  #called(socket: Duplex): void {
    const channel = this.#channel;
    if (!channel || this.#waiting.size >= mostWaiting || this.#open + this.#waiting.size >= mostOpen) {
      socket.destroy();
      return;
    }
    const call = ++this.#lastCall;
    const timer = this.#options.clock.after('network: a call to the API', answeredWithinMs, () => this.#hangUp(call));
    this.#waiting.set(call, { socket, timer });
    socket.once('close', () => {
      if (this.#waiting.get(call)?.socket === socket) this.#hangUp(call);
    });
    channel.send('call', { session: channel.session, call } satisfies CallMessage).catch(() => this.#hangUp(call));
  }

  #hangUp(call: number): void {
    const waiting = this.#waiting.get(call);
    if (!waiting) return;
    this.#waiting.delete(call);
    waiting.timer.cancel();
    waiting.socket.destroy();
  }
}
