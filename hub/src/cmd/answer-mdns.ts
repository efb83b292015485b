import { createSocket } from 'node:dgram';
import { BlockList } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import { interfaceAddresses } from '@flotilla/shared/platform/interface-addresses.js';
import { mdnsAnswer, mdnsGroup } from '@flotilla/shared/protocol/mdns-messages.js';

/** A hundred boards that are switched on at once ask three times each; nobody makes a louder noise of this hub. */
const answersPerSecond = 50;
const lookAgainMs = 30_000;

export interface AnswerMdnsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the API. */
  readonly port: number;
  /** Multicast's own port on all networks when left out. */
  readonly listen?: { readonly address: string; readonly port: number };
  /** Of this machine; those that it has now when left out. */
  readonly interfaces?: () => readonly NetworkInterfaceInfo[];
}

export interface MdnsAnswerer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Tells boards that look for a hub the address of this one, each on the network that it shares with this machine; nobody else gets an
 * answer. It is no secret and proves nothing. @throws Error with the system's code when the port cannot be had
 */
export async function answerMdns(options: AnswerMdnsOptions): Promise<MdnsAnswerer> {
  const { clock, logger, port, listen, interfaces = ownInterfaces } = options;
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(listen ?? { port: mdnsGroup.port }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  socket.on('error', (error) => logger.debug('mDNS', { error: describeError(error) }));
  let [second, answers] = [0, 0];
  socket.on('message', (packet, asker) => {
    const host = interfaces().find((one) => shares(one, asker.address))?.address;
    const answer = host === undefined ? undefined : mdnsAnswer(packet, { host, port });
    if (answer === undefined) return;
    const now = Math.floor(clock.monotonicMs() / 1000);
    if (now !== second) [second, answers] = [now, 0];
    if (++answers <= answersPerSecond) socket.send(answer, asker.port, asker.address, () => {});
  });
  const listening = new Set<string>();
  // A network that comes later is listened to as well.
  const look = (): void => {
    for (const { address } of interfaces()) if (!listening.has(address) && joins(address)) listening.add(address);
    timer = clock.after('hub: networks for mDNS', lookAgainMs, look);
  };
  const joins = (address: string): boolean => {
    try {
      socket.addMembership(mdnsGroup.address, address);
      return true;
    } catch (error) {
      logger.debug('mDNS is not heard on a network', { address, error: describeError(error) });
      return false;
    }
  };
  let timer: { cancel(): void } | undefined;
  if (!listen) look();
  return {
    port: socket.address().port,
    close: () => {
      timer?.cancel();
      return new Promise((resolve) => socket.close(() => resolve()));
    },
  };
}

function ownInterfaces(): NetworkInterfaceInfo[] {
  return interfaceAddresses().filter(({ family, internal }) => family === 'IPv4' && !internal);
}

/** Whether somebody is on the same network as this interface. */
function shares({ cidr, family }: NetworkInterfaceInfo, asker: string): boolean {
  const [net, prefix] = cidr?.split('/') ?? [];
  if (family !== 'IPv4' || net === undefined || prefix === undefined) return false;
  const list = new BlockList();
  list.addSubnet(net, Number(prefix), 'ipv4');
  return list.check(asker, 'ipv4');
}
