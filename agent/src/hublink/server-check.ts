import type { X509Certificate } from 'node:crypto';

export interface ServerExpectation {
  /** The pinned authority. */
  readonly ca: X509Certificate;
  /** The name or address that was dialled. */
  readonly host: string;
}

/** `endMs` is the earliest end of what leads to the pinned authority; `ended` names that certificate, for a message. */
export type ServerCheck = { readonly fault: string } | { readonly endMs: number; readonly ended: string };

const serverUsage = '1.3.6.1.5.5.7.3.1';
const longestChain = 5;

/**
 * Whether this certificate is the hub's. Chain, authority flag, server usage and name always count. Dates are no fault here: of
 * them only the end counts, and only against the clock floor (trusted-time.ts), so that a board that thinks it is 1970, or 2100,
 * finds its hub.
 * @param chain the server's certificate, then those it sent along
 */
export function checkServer(chain: readonly X509Certificate[], { ca, host }: ServerExpectation): ServerCheck {
  const leaf = chain[0];
  if (!leaf) return { fault: 'the server showed no certificate' };
  if (leaf.ca) return { fault: 'the server showed an authority as its own certificate' };
  if (!(leaf.keyUsage ?? []).includes(serverUsage)) return { fault: 'the certificate is not for servers' };
  if ((isAddress(host) ? leaf.checkIP(host) : leaf.checkHost(host)) === undefined) return { fault: `the certificate is not for ${host}` };
  let child = leaf;
  let end = { endMs: Number.POSITIVE_INFINITY, ended: '' };
  for (let depth = 0; depth < longestChain; depth++) {
    const endMs = Date.parse(child.validTo);
    if (endMs < end.endMs) end = { endMs, ended: `the certificate of ${oneLine(child.subject)} ended on ${child.validTo}` };
    if (child.checkIssued(ca) && ca.ca && child.verify(ca.publicKey)) return end;
    const parent = chain.find(
      (candidate) => candidate !== child && child.checkIssued(candidate) && candidate.ca && child.verify(candidate.publicKey),
    );
    if (!parent) return { fault: `the certificate of ${oneLine(child.subject)} does not come from the pinned authority` };
    child = parent;
  }
  return { fault: 'the chain of certificates is too long' };
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^[\d.]+$/.test(host);
}

function oneLine(subject: string): string {
  return subject.replaceAll('\n', ', ');
}
