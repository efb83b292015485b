/**
 * What a URL of the Kubernetes API asks for (apiserver, `request.RequestInfo`). The grammar is fixed:
 * `/api/VERSION/…` and `/apis/GROUP/VERSION/…`, then `[namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]]`.
 */
export interface RequestInfo {
  readonly path: string;
  readonly query: URLSearchParams;
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for other paths the method in lower case. */
  readonly verb: string;
  /** Undefined when the path is no resource of the API. */
  readonly resource?: ResourceTarget;
}

export interface ResourceTarget {
  readonly group: string;
  readonly version: string;
  /** Empty for what has no namespace and for all namespaces. */
  readonly namespace: string;
  readonly resource: string;
  readonly name: string;
  readonly subresource: string;
  /** The path began with `watch/`, as it did before `?watch=1`. */
  readonly watched?: true;
  /** What follows the subresource; only proxies have it. */
  readonly rest: readonly string[];
}

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};
const namespaceSubresources: ReadonlySet<string> = new Set(['status', 'finalize']);

/** @throws URIError when an escape in the path is broken */
export function parseRequestInfo(method: string, url: string): RequestInfo {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  // As in Go a parameter whose escapes are broken is none.
  const given = mark < 0 ? [] : url.slice(mark + 1).split('&');
  const query = new URLSearchParams(given.filter((pair) => !/%(?![0-9a-fA-F]{2})/.test(pair)).join('&'));
  const resource = parseTarget(path);
  if (!resource) return { path, query, verb: method.toLowerCase() };
  return { path, query, verb: resourceVerb(method, resource, query), resource };
}

function parseTarget(path: string): ResourceTarget | undefined {
  // As in Go an escaped slash divides like any other.
  const parts = decodeURIComponent(path)
    .split('/')
    .filter((part) => part !== '');
  const head = parts[0] === 'api' ? 2 : parts[0] === 'apis' ? 3 : 0;
  if (head === 0 || parts.length <= head) return undefined;
  const group = head === 3 ? (parts[1] ?? '') : '';
  const version = parts[head - 1] ?? '';
  let rest = parts.slice(head);
  const watched = rest[0] === 'watch';
  if (watched) rest = rest.slice(1);
  let namespace = '';
  if (rest[0] === 'namespaces' && rest.length >= 2) {
    namespace = rest[1] ?? '';
    // `namespaces/NS` and its own subresources mean the Namespace itself.
    const own = rest.length > 2 && !namespaceSubresources.has(rest[2] ?? '');
    if (own && rest[2] === 'namespaces') return { group, version, namespace, resource: '', name: '', subresource: '', rest: [] };
    if (own) rest = rest.slice(2);
  }
  const [resource = '', name = '', subresource = '', ...more] = rest;
  return { group, version, namespace, resource, name, subresource, rest: more, ...(watched ? { watched: true as const } : {}) };
}

function resourceVerb(method: string, target: ResourceTarget, query: URLSearchParams): string {
  const verb = verbs[method] ?? method.toLowerCase();
  // A shell is opened, also by a WebSocket, which can only GET.
  if (target.subresource === 'shell' && target.group === 'fleet.flotilla.dev' && verb === 'get') return 'create';
  if (target.watched && verb === 'get') return 'watch';
  if (target.name) return verb;
  if (verb === 'get') return isTrue(query.get('watch')) ? 'watch' : 'list';
  return verb === 'delete' ? 'deletecollection' : verb;
}

/** As Kubernetes reads a boolean query value: given without a value counts as true. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== 'false' && value !== '0';
}
