import type { X509Certificate } from 'node:crypto';

export interface ServerExpectation {
  /** The pinned authority. */
  readonly ca: X509Certificate;
  /** The name or address that was dialled. */
  readonly host: string;
  /** A time that has certainly passed, see ClockFloor: certificates that ended before it are refused. */
  readonly floorMs: number;
}

const serverUsage = '1.3.6.1.5.5.7.3.1';
const longestChain = 5;

/**
 * Why this certificate is not the hub's; undefined when it is. Chain, authority flag, server usage and name always count. Of the
 * dates only the end counts, and only against the clock floor: a board that thinks it is 1970, or 2100, still finds its hub.
 * @param chain the server's certificate, then those it sent along
 */
export function serverFault(chain: readonly X509Certificate[], { ca, host, floorMs }: ServerExpectation): string | undefined {
  const leaf = chain[0];
  if (!leaf) return 'the server showed no certificate';
  if (leaf.ca) return 'the server showed an authority as its own certificate';
  if (!(leaf.keyUsage ?? []).includes(serverUsage)) return 'the certificate is not for servers';
  if ((isAddress(host) ? leaf.checkIP(host) : leaf.checkHost(host)) === undefined) return `the certificate is not for ${host}`;
  let child = leaf;
  for (let depth = 0; depth < longestChain; depth++) {
    if (Date.parse(child.validTo) < floorMs) return `the certificate of ${oneLine(child.subject)} ended on ${child.validTo}`;
    if (child.checkIssued(ca) && ca.ca && child.verify(ca.publicKey)) return undefined;
    const parent = chain.find(
      (candidate) => candidate !== child && child.checkIssued(candidate) && candidate.ca && child.verify(candidate.publicKey),
    );
    if (!parent) return `the certificate of ${oneLine(child.subject)} does not come from the pinned authority`;
    child = parent;
  }
  return 'the chain of certificates is too long';
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^[\d.]+$/.test(host);
}

function oneLine(subject: string): string {
  return subject.replaceAll('\n', ', ');
}
