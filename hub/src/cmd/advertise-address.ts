import { parseIp, validateEndpointIp } from '#registry/validation/ip-address.ts';

/**
 * Where other machines reach an API that listens on this host: the host itself, or the machine's first address when it listens on all.
 * Undefined when only this machine reaches it. @param local names and addresses of this machine
 */
export function advertiseAddress(host: string, local: readonly string[]): string | undefined {
  const candidates = host === '0.0.0.0' || host === '::' ? local : [host];
  return candidates.find((one) => parseIp(one)?.family === 'IPv4' && validateEndpointIp('', one).length === 0);
}
