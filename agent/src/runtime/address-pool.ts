/** The addresses of one IPv4 subnet. The first is the bridge's own; network and broadcast address are nobody's. */
export class AddressPool {
  readonly subnet: string;
  readonly gateway: string;
  readonly size: number;
  readonly #base: number;
  #next = 2;

  /** @throws Error when `cidr` is not an IPv4 subnet with room for a pod */
  constructor(cidr: string) {
    const { base, prefix } = parseCidr(cidr);
    if (prefix > 30) throw new Error(`${cidr}: a pod network needs at least a /30`);
    this.#base = base;
    this.size = 2 ** (32 - prefix);
    this.subnet = `${formatIpv4(base)}/${prefix}`;
    this.gateway = formatIpv4(base + 1);
  }

  /** A free address, in turn, so that one just given back is not at once somebody else's; undefined when all are taken. */
  take(isTaken: (ip: string) => boolean): string | undefined {
    const pods = this.size - 3;
    for (let step = 0; step < pods; step++) {
      const offset = 2 + ((this.#next - 2 + step) % pods);
      const ip = formatIpv4(this.#base + offset);
      if (isTaken(ip)) continue;
      this.#next = offset + 1;
      return ip;
    }
    return undefined;
  }

  contains(ip: string): boolean {
    const value = parseIpv4(ip);
    return value !== undefined && value >= this.#base && value < this.#base + this.size;
  }
}

/** @throws Error when the text is not an IPv4 subnet with its host bits zero */
export function parseCidr(cidr: string): { readonly base: number; readonly prefix: number } {
  const [address = '', length = ''] = cidr.split('/');
  const base = parseIpv4(address);
  const prefix = /^\d{1,2}$/.test(length) ? Number(length) : Number.NaN;
  if (base === undefined || !(prefix <= 32)) throw new Error(`${JSON.stringify(cidr)} is not an IPv4 subnet`);
  if (base % 2 ** (32 - prefix) !== 0) throw new Error(`${cidr} has host bits set`);
  return { base, prefix };
}

function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
