import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { WebSocket } from 'ws';
import { ByteQueue } from './byte-queue.ts';
import { ChannelSocket } from './channel-socket.ts';
import type { ForwardClient } from './forward-port.ts';

/** What the kubelet serves for port forwarding over channels. */
export const forwardProtocols = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];

/** Then nothing more is read until there is room for a message of kubectl's: little by little, for it pings meanwhile. */
const maxWaitingBytes = 128 * 1024;
const resumeBelowBytes = maxWaitingBytes - 32 * 1024;

export interface WebSocketForwardOptions {
  readonly socket: WebSocket;
  readonly protocol: string | undefined;
  readonly ports: readonly number[];
  readonly clock: Clock;
  connected(port: number, client: ForwardClient, signal: AbortSignal): Promise<void>;
  /** The client broke a rule or a bound: the connection ends. */
  broke(why: string): void;
}

/**
 * Port forwarding over WebSocket channels: two a port in the order asked for, data and error, each beginning with the number of its
 * port. One connection a port. Resolves when all are over or the client is gone.
 */
export async function webSocketForward({ socket, protocol = '', ports, clock, connected, broke }: WebSocketForwardOptions): Promise<void> {
  const inputs: ByteQueue[] = ports.map(() => new ByteQueue(() => resume()));
  const waiting = (): number => inputs.reduce((sum, { size }) => sum + size, 0);
  const channels = new ChannelSocket({
    socket,
    clock,
    base64: protocol.includes('base64'),
    broke,
    received(channel, data) {
      const input = inputs[channel >> 1];
      if (!input) throw new Error(`there is no channel ${channel}`);
      // What a client says on an error channel is for nobody.
      if (channel % 2 === 0) input.push(data);
      if (waiting() > maxWaitingBytes) channels.pause();
    },
  });
  function resume(): void {
    if (waiting() < resumeBelowBytes) channels.resume();
  }
  const { gone } = channels;
  gone.addEventListener('abort', () => inputs.forEach((input) => void input.fail(new Error('the client went away'))), { once: true });
  const greet = (channel: number, port: number): Promise<void> => channels.send(channel, Buffer.of(port & 0xff, port >> 8));
  const connections = ports.map(async (port, index) => {
    const input = inputs[index] ?? new ByteQueue();
    await greet(2 * index, port);
    await greet(2 * index + 1, port);
    const client: ForwardClient = {
      input,
      write: (data) => channels.send(2 * index, data),
      end(why) {
        input.end();
        input.drop();
        if (why !== undefined) channels.send(2 * index + 1, Buffer.from(why)).catch(() => {});
      },
    };
    await connected(port, client, gone);
  });
  await Promise.allSettled(connections);
  await channels.close();
}
