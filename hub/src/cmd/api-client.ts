import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { type Status, StatusError } from '@flotilla/shared/errors/status.js';
import { parse } from 'yaml';
import { spkiHash } from '#auth/pki/pki.ts';

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly { readonly name: string; readonly context: { readonly cluster: string; readonly user: string } }[];
  readonly clusters?: readonly {
    readonly name: string;
    readonly cluster: { readonly server: string; readonly 'certificate-authority-data'?: string };
  }[];
  readonly users?: readonly {
    readonly name: string;
    readonly user: { readonly 'client-certificate-data'?: string; readonly 'client-key-data'?: string; readonly token?: string };
  }[];
}

/** Talks to a hub over HTTPS for the command line. */
export interface ApiClient {
  /** `sha256:HEX` of the key of the authority that the kubeconfig trusts. */
  readonly caKeyHash: string;
  /** POSTs JSON. @throws StatusError as the hub answered */
  post<T>(path: string, body: T): Promise<T>;
}

/** By the kubeconfig named, else KUBECONFIG, else the one a hub writes beside where the command was typed. */
export function apiClient(named: string | undefined): ApiClient {
  const file = named ?? process.env['KUBECONFIG'] ?? join(process.env['INIT_CWD'] ?? process.cwd(), '.flotilla/admin.kubeconfig');
  if (!existsSync(file)) throw new Error(`there is no kubeconfig at ${file}; name one with --kubeconfig or KUBECONFIG`);
  const config = parse(readFileSync(file, 'utf8')) as Kubeconfig;
  const context = config.contexts?.find(({ name }) => name === config['current-context'])?.context;
  const cluster = config.clusters?.find(({ name }) => name === context?.cluster)?.cluster;
  const user = config.users?.find(({ name }) => name === context?.user)?.user;
  const ca = decode(cluster?.['certificate-authority-data']);
  if (!cluster || !user || !ca) throw new Error(`${file} has no current context with a cluster, its authority and a user`);
  const cert = decode(user['client-certificate-data']);
  const key = decode(user['client-key-data']);
  return {
    caKeyHash: `sha256:${spkiHash(new X509Certificate(ca).publicKey)}`,
    async post<T>(path: string, body: T): Promise<T> {
      const answer = await exchange(new URL(path, cluster.server), {
        ca,
        ...(cert && key ? { cert, key } : {}),
        headers: { 'content-type': 'application/json', ...(user.token ? { authorization: `Bearer ${user.token}` } : {}) },
        body: JSON.stringify(body),
      });
      const parsed: unknown = JSON.parse(answer.body);
      if (answer.status < 300) return parsed as T;
      const status = parsed as Status;
      throw new StatusError(status.code, status.reason ?? '', status.message ?? `the hub answered ${answer.status}`, status.details);
    },
  };
}

const decode = (data: string | undefined): string | undefined => (data ? Buffer.from(data, 'base64').toString('utf8') : undefined);

interface PostOptions {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

function exchange(url: URL, { body, ...options }: PostOptions): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', timeout: 30_000, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error(`${url.host} did not answer within 30 s`)));
    sent.on('error', reject);
    sent.end(body);
  });
}
