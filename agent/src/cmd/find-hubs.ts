import { createSocket, type Socket } from 'node:dgram';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { interfaceAddresses } from '@flotilla/shared/platform/interface-addresses.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { hubsInAnswer, mdnsGroup, mdnsQuestion } from '@flotilla/shared/protocol/mdns-messages.js';

const questionsAtMs = [0, 1000, 2000];
const longestMs = 3000;
/** Once one has answered: others may be as near. */
const moreMs = 300;
const mostNetworks = 8;
const mostPackets = 64;
const mostHubs = 8;

export interface FindHubsDoors {
  readonly clock: Clock;
  readonly random: Random;
  /** Where the question goes; all networks of this machine when left out. */
  readonly to?: { readonly address: string; readonly port: number };
}

/**
 * Addresses, as `https://HOST:PORT`, of those who say that they are a hub on this network; empty when nobody does within 3 s. Anybody may
 * say so: whoever uses them compares the authority with the token's pin. Never throws.
 */
export async function findHubs({ clock, random, to = mdnsGroup }: FindHubsDoors): Promise<string[]> {
  const id = Math.floor(random.next() * 0x10000);
  const found = new Set<string>();
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  const timers = [clock.after('agent: no hub has answered', longestMs, finish)];
  let packets = 0;
  const sockets = to === mdnsGroup ? ownAddresses().map((address) => open(address)) : [open()];
  for (const socket of sockets)
    socket.on('message', (packet) => {
      if (++packets > mostPackets) return finish();
      for (const { host, port } of hubsInAnswer(packet, id)) {
        if (found.size === 0) timers.push(clock.after('agent: further hubs', moreMs, finish));
        if (found.size < mostHubs) found.add(`https://${host}:${port}`);
      }
    });
  const ask = (): void => {
    for (const socket of sockets) socket.send(mdnsQuestion(id), to.port, to.address, () => {});
  };
  for (const atMs of questionsAtMs) timers.push(clock.after('agent: ask for a hub', atMs, ask));
  await done;
  for (const timer of timers) timer.cancel();
  for (const socket of sockets) socket.close();
  return [...found];
}

/** One for each network: the system would ask on the first one only. */
function open(address?: string): Socket {
  const socket = createSocket('udp4');
  // A network that went away meanwhile has no hub.
  socket.on('error', () => {});
  socket.bind({ port: 0, ...(address === undefined ? {} : { address }) }, () => {
    if (address !== undefined) socket.setMulticastInterface(address);
  });
  return socket;
}

function ownAddresses(): string[] {
  return interfaceAddresses()
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
    .slice(0, mostNetworks);
}
