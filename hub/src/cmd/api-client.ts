import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
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
  post<T, Answer = T>(path: string, body: T): Promise<Answer>;
  /** @throws StatusError as the hub answered */
  get<Answer>(path: string): Promise<Answer>;
  /** What is no JSON. @throws StatusError as the hub answered */
  text(path: string): Promise<string>;
  /** @throws StatusError as the hub answered */
  put<T>(path: string, body: T): Promise<T>;
  /** `options` are metav1.DeleteOptions. @throws StatusError as the hub answered */
  delete(path: string, options: object): Promise<void>;
  /** POSTs nothing and writes the answer's body. @throws StatusError as the hub answered, Error when the answer broke off */
  download(path: string, to: Writable): Promise<void>;
}

/** A hub, and as whom to speak to it. */
export interface ApiTarget {
  readonly server: string;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly headers: Record<string, string>;
}

/** By the kubeconfig named, else KUBECONFIG, else the one a hub writes beside where the command was typed. */
export function apiTarget(named: string | undefined): ApiTarget {
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
    server: cluster.server,
    ca,
    ...(cert && key ? { cert, key } : {}),
    headers: user.token ? { authorization: `Bearer ${user.token}` } : {},
  };
}

/** As `apiTarget` finds it. */
export function apiClient(named: string | undefined): ApiClient {
  const { server, headers, ...identity } = apiTarget(named);
  const { ca } = identity;
  const options = { ...identity, headers: { 'content-type': 'application/json', ...headers } };
  const askText = async (method: string, path: string, body?: string): Promise<string> => {
    const answer = await exchange(new URL(path, server), { ...options, method, ...(body === undefined ? {} : { body }) });
    if (answer.status >= 300) throw failed(answer);
    return answer.body;
  };
  const ask = async <Answer>(method: string, path: string, body?: string): Promise<Answer> =>
    JSON.parse(await askText(method, path, body)) as Answer;
  return {
    caKeyHash: `sha256:${spkiHash(new X509Certificate(ca).publicKey)}`,
    post: (path, body) => ask('POST', path, JSON.stringify(body)),
    get: (path) => ask('GET', path),
    text: (path) => askText('GET', path),
    put: (path, body) => ask('PUT', path, JSON.stringify(body)),
    async delete(path, deleteOptions) {
      await ask('DELETE', path, JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', ...deleteOptions }));
    },
    async download(path, to) {
      const answer = await exchange(new URL(path, server), { ...options, method: 'POST', to });
      if (answer.status >= 300) throw failed(answer);
    },
  };
}

function failed({ status, body }: { readonly status: number; readonly body: string }): StatusError {
  const parsed = JSON.parse(body) as Status;
  return new StatusError(parsed.code, parsed.reason ?? '', parsed.message ?? `the hub answered ${status}`, parsed.details);
}

const decode = (data: string | undefined): string | undefined => (data ? Buffer.from(data, 'base64').toString('utf8') : undefined);

interface ExchangeOptions {
  readonly method: string;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  /** Where a body of success goes instead of into the answer. */
  readonly to?: Writable;
}

function exchange(url: URL, { body, to, ...options }: ExchangeOptions): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    // Node leaves the length out for DELETE, and its body would be taken for the next request.
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const headers = { ...options.headers, ...length };
    const sent = request(url, { timeout: 30_000, ...options, headers }, (response) => {
      const status = response.statusCode ?? 0;
      if (to && status < 300) {
        pipeline(response, to).then(() => resolve({ status, body: '' }), reject);
        return;
      }
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status, body: Buffer.concat(chunks).toString('utf8') }));
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error(`${url.host} did not answer within 30 s`)));
    sent.on('error', reject);
    sent.end(body);
  });
}
