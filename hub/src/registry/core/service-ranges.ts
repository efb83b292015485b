import { parseIp } from '#registry/validation/ip-address.ts';

/** Numbers given out one by one, from its upper part first: whoever asks for a number of their own finds the lower part free. */
export interface Band {
  readonly first: number;
  readonly last: number;
  /** Where the upper part begins. */
  readonly dynamic: number;
}

/** Of each range a share is left to those who ask: a part of it, at least 16, at most so many. */
function band(first: number, last: number, size: number, share: number, most: number): Band {
  const kept = size <= 16 ? 0 : Math.min(Math.max(16, Math.floor(size / share)), most);
  return { first, last, dynamic: first + kept };
}

export interface AddressRange extends Band {
  /** As Kubernetes shows it: `10.96.0.0/12`. */
  readonly text: string;
  /** The network's own address: given to nobody. */
  readonly network: string;
}

/** @throws Error when it is no IPv4 range of at least four addresses */
export function addressRange(text: string): AddressRange {
  const [head = '', bits = ''] = text.split('/');
  const prefix = Number(bits);
  if (parseIp(head)?.canonical !== head || head.includes(':') || !/^\d{1,2}$/.test(bits) || prefix < 8 || prefix > 30) {
    throw new Error(`${JSON.stringify(text)} is no range of IPv4 addresses: 10.96.0.0/12 is one`);
  }
  const size = 2 ** (32 - prefix);
  const base = Math.floor(addressNumber(head) / size) * size;
  const network = addressText(base);
  return { ...band(base + 1, base + size - 2, size, 16, 256), text: `${network}/${prefix}`, network };
}

export interface PortRange extends Band {
  readonly text: string;
}

/** @param text `30000-32767` @throws Error when it is no range of ports */
export function portRange(text: string): PortRange {
  const [, low = '', high = ''] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const [first, last] = [Number(low), Number(high)];
  if (!low || first < 1 || last > 65_535 || first > last)
    throw new Error(`${JSON.stringify(text)} is no range of ports: 30000-32767 is one`);
  return { ...band(first, last, last - first + 1, 32, 128), text };
}

/** A free number: of the upper part as long as there is one, beginning anywhere. Undefined when all are taken. */
export function pick({ first, last, dynamic }: Band, isTaken: (value: number) => boolean, chance: number): number | undefined {
  for (const [low, high] of [
    [dynamic, last],
    [first, dynamic - 1],
  ] as const) {
    const size = high - low + 1;
    if (size <= 0) continue;
    const start = Math.floor(chance * size);
    for (let step = 0; step < size; step++) {
      const value = low + ((start + step) % size);
      if (!isTaken(value)) return value;
    }
  }
  return undefined;
}

export const addressNumber = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

export const addressText = (value: number): string => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
