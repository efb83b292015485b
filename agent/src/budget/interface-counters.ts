import type { Files } from '@flotilla/shared/platform/files.js';

export interface InterfaceBytes {
  readonly up: number;
  readonly down: number;
  /** A default route leaves by it. */
  readonly uplink: boolean;
}

export type Interfaces = Readonly<Record<string, InterfaceBytes>>;

/** Pods' own ends, and the way to oneself. */
const inner = /^(lo|veth.*|podman\d+|cni.*)$/;

/** Interfaces that are no uplink, and may become one. */
const mostOthers = 32;

/** What the kernel counted on each interface since boot; empty when it cannot be read. */
export async function readInterfaces(files: Pick<Files, 'readText'>): Promise<Interfaces> {
  const read = async (path: string): Promise<string> => (await files.readText(path).catch(() => undefined)) ?? '';
  const [devices, routes, routes6] = await Promise.all([read('/proc/net/dev'), read('/proc/net/route'), read('/proc/net/ipv6_route')]);
  const uplinks = new Set<string>();
  for (const line of routes.split('\n')) {
    const [name, destination, , flags = '0', , , , mask] = line.split(/\s+/);
    if (name && destination === '00000000' && mask === '00000000' && isUp(flags)) uplinks.add(name);
  }
  for (const line of routes6.split('\n')) {
    const [destination = '', prefix, , , , , , , flags = '0', name] = line.trim().split(/\s+/);
    if (name && prefix === '00' && /^0+$/.test(destination) && isUp(flags)) uplinks.add(name);
  }
  const found: Record<string, InterfaceBytes> = {};
  let others = 0;
  for (const line of devices.split('\n')) {
    const [, name = '', rest = ''] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    const fields = rest.split(/\s+/).map(Number);
    const [down = Number.NaN, up = Number.NaN] = [fields[0], fields[8]];
    if (!name || inner.test(name) || !Number.isFinite(down) || !Number.isFinite(up)) continue;
    const uplink = uplinks.has(name);
    if (uplink || others++ < mostOthers) found[name] = { up, down, uplink };
  }
  return found;
}

/** What passed on uplinks between two looks. An interface that is new, or whose counters began anew, counts from zero. */
export function passed(before: Interfaces, now: Interfaces): { readonly up: number; readonly down: number } {
  let [up, down] = [0, 0];
  for (const [name, bytes] of Object.entries(now)) {
    const last = before[name];
    if (!bytes.uplink && !last?.uplink) continue;
    const anew = !last || bytes.up < last.up || bytes.down < last.down;
    up += bytes.up - (anew ? 0 : last.up);
    down += bytes.down - (anew ? 0 : last.down);
  }
  return { up, down };
}

function isUp(flags: string): boolean {
  return (Number.parseInt(flags, 16) & 1) === 1;
}
