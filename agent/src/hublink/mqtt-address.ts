import type { TLSSocket } from 'node:tls';
import { interfaceAddresses } from '@flotilla/shared/platform/interface-addresses.js';

const lookEveryMs = 2_000;

/**
 * Calls `gone` when the machine no longer has the address that the connection was made from: whatever the other end sends can never
 * arrive, and nothing else would tell before the next ping, which on a metered line may be twenty minutes away.
 * @returns stops watching
 */
export function watchAddress(socket: TLSSocket, addresses: () => ReadonlySet<string> = ownAddresses, gone: () => void): () => void {
  const { localAddress } = socket;
  if (!localAddress) return () => {};
  const timer = setInterval(() => {
    if (addresses().has(localAddress)) return;
    clearInterval(timer);
    gone();
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

function ownAddresses(): ReadonlySet<string> {
  // A dual-stack socket shows IPv4 addresses in IPv6's clothes.
  return new Set(interfaceAddresses().flatMap(({ address, family }) => (family === 'IPv4' ? [address, `::ffff:${address}`] : [address])));
}
