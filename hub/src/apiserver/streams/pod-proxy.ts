import type { Duplex } from 'node:stream';
import { createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';
import { badRequest } from '@flotilla/shared/errors/status.js';
import type { NodeConnector } from '#registry/generic/types.ts';
import type { SpecialSubresource } from '../endpoints.ts';
import type { Exchange, Relay } from '../exchange.ts';
import { HtmlLinks } from './html-links.ts';
import { nodeStreamDuplex } from './node-stream-duplex.ts';
import { findPod, type PodView, podOf } from './pod-target.ts';

/** What the hub's own callers prove who they are with; no pod gets to see it. */
const secretHeaders = ['authorization', 'impersonate-user', 'impersonate-group', 'impersonate-uid', 'x-remote-user', 'x-remote-group'];
/** Pages of pods must not open the API's origin to others. */
const corsHeaders = /^access-control-/;

/** What every subresource is that hands HTTP on. */
export function proxyOf(kind: string): Pick<SpecialSubresource, 'description' | 'hasPaths'> {
  const verbs = ['create', 'delete', 'get', 'patch', 'update'];
  return { description: { name: 'proxy', kind: { group: '', version: 'v1', kind }, verbs }, hasPaths: true };
}

/** `pods/[SCHEME:]NAME[:PORT]/proxy/PATH` (registry/core/pod/rest, `ProxyREST`): HTTP to a pod with the hub in between. */
export function podProxySubresource(connector: NodeConnector): SpecialSubresource {
  return {
    group: '',
    resource: 'pods',
    ...proxyOf('PodProxyOptions'),
    async handle(request, resource, target) {
      const { exchange } = request;
      const { scheme, name, port: asked } = splitName(target.name);
      const pod = findPod(request, resource, { namespace: target.namespace, name });
      const port = asked ?? firstPort(pod) ?? (scheme === 'https' ? 443 : 80);
      await relayToPod(connector, exchange, { pod, port, scheme });
    },
  };
}

export interface ProxyTarget {
  readonly pod: PodView;
  readonly port: number;
  readonly scheme: 'http' | 'https';
}

/** Passes the request on to a port of a pod, and its answer back. @throws StatusError as `podOf`, or Unavailable when nothing answers */
export async function relayToPod(connector: NodeConnector, exchange: Exchange, { pod, port, scheme }: ProxyTarget): Promise<void> {
  const { node, reference } = podOf(connector, pod);
  const { prefix, path, query } = splitUrl(exchange.url);
  if (path === '' && !exchange.upgrade && (exchange.method === 'GET' || exchange.method === 'HEAD')) {
    exchange.setHeader('Location', `${prefix}/${query}`);
    return exchange.reply(301, 'text/plain', '');
  }
  const over = new AbortController();
  exchange.signal.addEventListener('abort', () => over.abort(), { once: true });
  try {
    await exchange.relay({
      path: (path === '' ? '/' : path) + query,
      headers: forwardHeaders(exchange, prefix, path),
      tls: scheme === 'https',
      connect: () => nodeStreamDuplex(connector.open(node, { kind: 'forward', pod: reference, port }, over.signal), () => over.abort()),
      answered(headers) {
        const hosts = { host: exchange.header('host') ?? '', pod: `${pod.status?.podIP}:${port}` };
        return behind(headers, (link) => rewritten(link, prefix, hosts), exchange.method);
      },
    });
  } finally {
    over.abort();
  }
}

interface ProxyName {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  readonly port: number | undefined;
}

/** `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`. @throws StatusError BadRequest */
export function splitName(id: string): ProxyName {
  const parts = id.split(':');
  const [scheme = '', name = '', text = ''] = parts.length === 3 ? parts : ['', ...parts];
  const port = Number(text);
  const wrong = parts.length > 3 || name === '' || !/^(https?)?$/.test(scheme) || !/^\d{0,5}$/.test(text) || port > 65_535;
  if (wrong || (text !== '' && port === 0)) throw badRequest(`invalid pod request ${JSON.stringify(id)}`);
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port: text === '' ? undefined : port };
}

function firstPort({ spec }: PodView): number | undefined {
  return spec?.containers?.find(({ ports = [] }) => ports.length > 0)?.ports?.[0]?.containerPort;
}

/** Where the pod's own paths begin, in the form the client wrote them. */
function splitUrl(url: string): { readonly prefix: string; readonly path: string; readonly query: string } {
  const mark = url.indexOf('?');
  const whole = mark < 0 ? url : url.slice(0, mark);
  const prefix = /^.*?\/(?:pods|services)\/+[^/]+\/+proxy(?=\/|$)/.exec(whole)?.[0] ?? whole;
  return { prefix, path: whole.slice(prefix.length), query: mark < 0 ? '' : url.slice(mark) };
}

function forwardHeaders(exchange: Exchange, prefix: string, path: string): Relay['headers'] {
  const before = exchange.header('x-forwarded-for');
  const address = exchange.remoteAddress.replace(/^::ffff:/, '');
  return {
    ...Object.fromEntries(secretHeaders.map((name) => [name, undefined])),
    'x-forwarded-for': before ? `${before}, ${address}` : address,
    'x-forwarded-uri': prefix + path,
    'x-forwarded-host': exchange.header('host'),
    'x-forwarded-proto': 'https',
  };
}

/** Makes an answer one that stays behind the proxy: no foreign page may read it, and what leads into the pod leads there through us. */
function behind(headers: Parameters<Relay['answered']>[0], rewrite: (link: string) => string, method: string): readonly Duplex[] {
  for (const header of Object.keys(headers)) if (corsHeaders.test(header)) headers[header] = undefined;
  const { location, 'content-type': type, 'content-encoding': encoding } = headers;
  if (typeof location === 'string') {
    headers['location'] = rewrite(location);
    return [];
  }
  if (method === 'HEAD' || !/^text\/html\s*(;|$)/i.test(String(type))) return [];
  const links = new HtmlLinks(rewrite);
  // A page in another encoding passes as it is, as through kube-apiserver.
  if (encoding !== undefined && encoding !== 'gzip' && encoding !== 'deflate') return [];
  headers['content-length'] = undefined;
  if (encoding === 'gzip') return [createGunzip(), links, createGzip()];
  return encoding === 'deflate' ? [createInflate(), links, createDeflate()] : [links];
}

/** A redirect within the pod stays behind the proxy (apimachinery, `proxy.Transport`). */
export function rewritten(location: string, prefix: string, { host, pod }: { readonly host: string; readonly pod: string }): string {
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(location);
  const [own, rest] = absolute ? [absolute[1] === host || absolute[1] === pod, absolute[2] ?? ''] : [true, location];
  if (!own || !rest.startsWith('/') || rest.startsWith('//')) return location;
  const path = rest.startsWith(`${prefix}/`) ? rest : prefix + rest;
  return absolute ? `https://${host}${path}` : path;
}
