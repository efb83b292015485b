import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { WebSocket } from 'ws';
import { ByteQueue } from './byte-queue.ts';
import { ChannelSocket } from './channel-socket.ts';
import type { CommandClient, Outcome, TerminalSize } from './command-client.ts';
import { TerminalSizes } from './terminal-sizes.ts';

/** What kube-apiserver and kubelet serve for exec and attach over WebSocket. */
export const commandProtocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
] as const;

const [stdinChannel, stdoutChannel, stderrChannel, errorChannel, resizeChannel, closeChannel] = [0, 1, 2, 3, 4, 255];
/** Then nothing more is read until there is room for a message of kubectl's: little by little, for it pings meanwhile. */
const maxWaitingBytes = 128 * 1024;
const resumeBelowBytes = maxWaitingBytes - 32 * 1024;

export interface WebSocketCommandOptions {
  readonly socket: WebSocket;
  /** One of `commandProtocols`; undefined is the oldest. */
  readonly protocol: string | undefined;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly clock: Clock;
  /** The client broke a rule or a bound: the connection ends. */
  broke(why: string): void;
}

/** exec and attach over a WebSocket: one channel a stream, from version 5 on with a message that closes the client's input. */
export class WebSocketCommand implements CommandClient {
  readonly stdin: ByteQueue;
  readonly #channels: ChannelSocket;
  readonly #sizes = new TerminalSizes();
  readonly #options: WebSocketCommandOptions;

  constructor(options: WebSocketCommandOptions) {
    const { socket, protocol = '', clock } = options;
    this.#options = options;
    this.stdin = new ByteQueue(() => {
      if (this.stdin.size < resumeBelowBytes) this.#channels.resume();
    });
    this.#channels = new ChannelSocket({
      socket,
      clock,
      base64: protocol.includes('base64'),
      received: (channel, data) => this.#receive(channel, data),
      broke: options.broke,
    });
    if (!options.stdin) this.stdin.end();
    this.gone.addEventListener('abort', () => this.stdin.fail(new Error('the client went away')), { once: true });
    // An empty message tells the client that the connection stands, as the kubelet does it.
    this.#channels.send(options.stdout ? stdoutChannel : errorChannel, Buffer.alloc(0)).catch(() => {});
  }

  get gone(): AbortSignal {
    return this.#channels.gone;
  }

  onResize(resized: (size: TerminalSize) => void): void {
    this.#sizes.listen(resized);
  }

  write(channel: 1 | 2, data: Buffer): Promise<void> {
    return this.#channels.send(channel === 1 ? stdoutChannel : stderrChannel, data);
  }

  async finish({ status, text }: Outcome): Promise<void> {
    this.stdin.end();
    this.stdin.drop();
    const { protocol = '' } = this.#options;
    const word = protocol.startsWith('v') ? JSON.stringify(status) : text;
    if (word !== '') await this.#channels.send(errorChannel, Buffer.from(word)).catch(() => {});
    await this.#channels.close();
  }

  #receive(channel: number, data: Buffer): void {
    if (channel === stdinChannel) {
      this.stdin.push(data);
      if (this.stdin.size > maxWaitingBytes) this.#channels.pause();
    } else if (channel === resizeChannel) this.#sizes.push(data);
    else if (channel === closeChannel && this.#options.protocol === 'v5.channel.k8s.io' && data[0] === stdinChannel) this.stdin.end();
    else if (channel !== closeChannel && (channel < 0 || channel > resizeChannel)) throw new Error(`there is no channel ${channel}`);
  }
}
