import type { FieldError } from '@flotilla/shared/errors/field.js';
import { invalid } from '@flotilla/shared/errors/field.js';
import { isIpAddress } from './names.ts';

/** An address as Kubernetes' older fields take it (apimachinery, util/validation ip.go): leading zeros and odd forms too. */
export interface IpAddress {
  readonly family: 'IPv4' | 'IPv6';
  /** As it should be written. */
  readonly canonical: string;
}

const notAnAddress = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

/** Undefined when it is no address at all. */
export function parseIp(text: string): IpAddress | undefined {
  const parts = text.split('.');
  if (parts.length === 4 && parts.every((part) => /^\d+$/.test(part) && Number(part) <= 255)) {
    return { family: 'IPv4', canonical: parts.map(Number).join('.') };
  }
  if (!text.includes(':') || !isIpAddress(text)) return undefined;
  // The URL parser writes IPv6 as RFC 5952 wants it.
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(canonical);
  if (!mapped) return { family: 'IPv6', canonical };
  const [high, low] = [Number.parseInt(mapped[1] ?? '0', 16), Number.parseInt(mapped[2] ?? '0', 16)];
  return { family: 'IPv4', canonical: [high >> 8, high & 255, low >> 8, low & 255].join('.') };
}

/** @param kept values of the object as it was: they may stay, whatever they are */
export function validateIp(path: string, text: string, kept: readonly string[] = []): FieldError[] {
  return kept.includes(text) || parseIp(text) ? [] : [invalid(path, text, notAnAddress)];
}

/** For fields that are younger than the rule that there is one way to write an address. */
export function validateStrictIp(path: string, text: string): FieldError[] {
  const address = parseIp(text);
  if (!address) return [invalid(path, text, notAnAddress)];
  if (address.canonical === text) return [];
  if (/^[\d.]+$/.test(text)) return [invalid(path, text, 'must not have leading 0s')];
  if (address.family === 'IPv4') return [invalid(path, text, 'must not be an IPv4-mapped IPv6 address')];
  return [invalid(path, text, `must be in canonical form (${JSON.stringify(address.canonical)})`)];
}

/** What a packet can be sent to from another machine. */
export function validateEndpointIp(path: string, text: string): FieldError[] {
  const address = parseIp(text)?.canonical;
  if (address === undefined) return [invalid(path, text, 'must be a valid IP address')];
  const fault = (why: string): FieldError[] => [invalid(path, text, why)];
  if (address === '0.0.0.0' || address === '::') return fault(`may not be unspecified (${text})`);
  if (address.startsWith('127.') || address === '::1') return fault('may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (address.startsWith('169.254.') || /^fe[89ab][0-9a-f]:/.test(address)) {
    return fault('may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  }
  if (address.startsWith('224.0.0.') || /^ff[0-9a-f]2:/.test(address)) {
    return fault('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  }
  return [];
}

/** What Kubernetes says of addresses in forms that it will not take for ever. */
export function ipWarnings(path: string, text: string): string[] {
  const address = parseIp(text);
  if (!address || address.canonical === text) return [];
  const [given, better] = [JSON.stringify(text), JSON.stringify(address.canonical)];
  return address.family === 'IPv4'
    ? [`${path}: non-standard IP address ${given} will be considered invalid in a future Kubernetes release: use ${better}`]
    : [`${path}: IPv6 address ${given} should be in RFC 5952 canonical format (${better})`];
}

interface Cidr {
  readonly address: IpAddress;
  readonly prefix: number;
  /** The address with nothing set beyond the prefix. */
  readonly network: string;
}

function parseCidr(text: string): Cidr | undefined {
  const [head = '', bits = '', ...more] = text.split('/');
  const address = parseIp(head);
  const most = head.includes(':') ? 128 : 32;
  if (!address || more.length > 0 || !/^\d+$/.test(bits) || Number(bits) > most) return undefined;
  return { address, prefix: Number(bits), network: masked(address, Number(bits)) };
}

/** The network of an IPv4 address; what is set beyond the prefix of an IPv6 address is not looked at. */
function masked({ family, canonical }: IpAddress, prefix: number): string {
  if (family === 'IPv6') return canonical;
  const bytes = canonical.split('.').map(Number);
  return bytes.map((byte, index) => byte & (0xff << Math.max(0, 8 - Math.max(0, prefix - index * 8))) & 0xff).join('.');
}

export function validateCidrRange(path: string, text: string, kept: readonly string[] = []): FieldError[] {
  if (kept.includes(text) || parseCidr(text)) return [];
  return [invalid(path, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
}

export function cidrWarnings(path: string, text: string): string[] {
  const cidr = parseCidr(text);
  if (!cidr) return [];
  const { address, prefix, network } = cidr;
  const range = `${network}/${prefix}`;
  const warnings: string[] = [];
  if (network !== address.canonical) {
    const single = `${address.canonical}/${address.family === 'IPv4' ? 32 : 128}`;
    const choice = `${JSON.stringify(range)} or ${JSON.stringify(single)}?`;
    warnings.push(`${path}: CIDR value ${JSON.stringify(text)} is ambiguous in this context (should be ${choice})`);
  }
  const given = JSON.stringify(text);
  if (text === `${address.canonical}/${prefix}`) return warnings;
  if (address.family === 'IPv4') {
    const better = JSON.stringify(range);
    warnings.push(`${path}: non-standard CIDR value ${given} will be considered invalid in a future Kubernetes release: use ${better}`);
  } else if (warnings.length === 0) {
    warnings.push(`${path}: IPv6 CIDR value ${given} should be in RFC 5952 canonical format (${JSON.stringify(range)})`);
  }
  return warnings;
}
