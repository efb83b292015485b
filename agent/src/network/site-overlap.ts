import { cidrsOverlap } from '#runtime/address-pool.ts';

export interface HostAddress {
  /** The interface: `eth0`. */
  readonly name: string;
  /** Address and prefix length: `192.168.1.7/24`. */
  readonly cidr: string | null;
  readonly internal: boolean;
}

/**
 * The site's network that the pods' addresses collide with, in words for the node's condition; undefined when there is none. A board
 * whose pods take addresses of the site's own machines cannot reach those any more.
 */
export function siteOverlap(podCIDR: string, addresses: readonly HostAddress[]): string | undefined {
  for (const { name, cidr, internal } of addresses) {
    // Our own bridge is in the subnet, of course.
    if (internal || cidr === null || /^flt[0-9a-f]{10}$/.test(name)) continue;
    const subnet = networkOf(cidr);
    if (subnet !== undefined && cidrsOverlap(podCIDR, subnet)) return `podCIDR ${podCIDR} overlaps with ${subnet} on ${name}`;
  }
  return undefined;
}

/** `192.168.1.7/24` → `192.168.1.0/24`; undefined for what is not IPv4. */
function networkOf(cidr: string): string | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  if (!match) return undefined;
  const prefix = Number(match[5]);
  const octets = match.slice(1, 5).map((octet, n) => Number(octet) & (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * n))) & 0xff);
  return `${octets.join('.')}/${prefix}`;
}
