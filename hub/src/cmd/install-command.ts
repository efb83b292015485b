import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { nodeNameFault } from '@flotilla/shared/protocol/join.js';
import { curlPin } from '#auth/pki/curl-pin.ts';
import { installScriptPath } from '#nodesync/enrol/install-routes.ts';
import { type ApiTarget, apiClient, apiTarget } from './api-client.ts';
import { hubToken } from './join-tokens.ts';
import { parseCount, parseDuration } from './parse.ts';

export interface InstallCommandOptions {
  readonly hub?: string;
  readonly node?: string;
  readonly ttl: string;
  readonly uses: string;
  readonly kubeconfig?: string;
}

/** Prints the line that installs the agent on a host of one's own: with the hub's key pinned, and a join token. */
export async function installCommand(options: InstallCommandOptions): Promise<void> {
  const fault = options.node === undefined ? undefined : nodeNameFault(options.node);
  if (fault) throw new Error(fault);
  const target = apiTarget(options.kubeconfig);
  const certificate = await servingCertificate(target);
  const hub = options.hub === undefined ? reachable(target.server, certificate) : given(options.hub);
  const token = await hubToken(apiClient(options.kubeconfig), {
    ttlMs: parseDuration('--ttl', options.ttl),
    uses: parseCount('--uses', options.uses),
    ...(options.node === undefined ? {} : { node: options.node }),
  });
  process.stdout.write(`${installLine({ hub, pin: curlPin(certificate.raw), token, node: options.node })}\n`);
}

/** What is typed on the host. The certificate's names do not matter: its key does. */
export function installLine({ hub, pin, token, node }: { hub: string; pin: string; token: string; node: string | undefined }): string {
  const name = node === undefined ? '' : ` --node-name ${node}`;
  return `curl -fsSk --pinnedpubkey '${pin}' ${hub}${installScriptPath} | sudo sh -s -- --hub ${hub} --token ${token}${name}`;
}

function given(hub: string): string {
  const url = URL.canParse(hub) ? new URL(hub) : undefined;
  if (url?.protocol !== 'https:' || !url.hostname) throw new Error(`--hub ${JSON.stringify(hub)} is not an address like https://HOST:6443`);
  return url.origin;
}

/** A kubeconfig on the hub's own machine names the loopback: no other host finds it there. */
function reachable(server: string, certificate: X509Certificate): string {
  const url = new URL(server);
  if (!/^(127\.|localhost$|\[::1\]$)/.test(url.hostname)) return url.origin;
  const names = (certificate.subjectAltName ?? '').split(', ').map((name) => name.replace(/^(DNS|IP Address):/, ''));
  const address = names.find((name) => isIP(name) === 4 && !name.startsWith('127.') && !name.startsWith('10.96.'));
  if (address === undefined) throw new Error(`${server} is this machine's own address; say with --hub how other hosts reach the hub`);
  process.stderr.write(`the hub is taken to be at ${address} (--hub says otherwise)\n`);
  return `https://${address}:${url.port || '443'}`;
}

/** What the hub shows, verified by its authority. */
function servingCertificate({ server, ca }: ApiTarget): Promise<X509Certificate> {
  const { hostname, port } = new URL(server);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port || 443), ca, timeout: 15_000, ...(isIP(host) ? {} : { servername: host }) }, () => {
      const certificate = socket.getPeerX509Certificate();
      socket.destroy();
      if (certificate) resolve(certificate);
      else reject(new Error(`${server} shows no certificate`));
    });
    socket.once('timeout', () => socket.destroy(new Error(`${server} did not answer within 15 s`)));
    socket.once('error', reject);
  });
}
