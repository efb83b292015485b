import { createHash } from 'node:crypto';
import { noSuchPage } from './answers.ts';
import type { ApiResource, Endpoints } from './endpoints.ts';
import type { Exchange, ExchangeHandler } from './exchange.ts';
import { notAcceptable, parseAccept } from './negotiation.ts';

/**
 * `/api`, `/apis` and what lies below: which groups, versions and resources are served, in the old form (one document a version)
 * and aggregated (all in one document, `apidiscovery.k8s.io`), by what the client accepts.
 */
export function discoveryRoutes(endpoints: Endpoints): Map<string, ExchangeHandler> {
  const routes = new Map<string, ExchangeHandler>();
  const core = endpoints.groupVersions.filter(({ group }) => group === '');
  const groups = [...new Set(endpoints.groupVersions.map(({ group }) => group))].filter((group) => group !== '');
  const serve = (path: string, document: object): void => {
    const body = `${JSON.stringify(document)}\n`;
    routes.set(path, (exchange) => exchange.reply(200, 'application/json', body));
  };

  const legacy = { kind: 'APIVersions', versions: core.map(({ version }) => version), serverAddressByClientCIDRs: [] };
  routes.set('/api', negotiated(legacy, aggregated(endpoints, [''])));
  const groupList = { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map((group) => groupDocument(endpoints, group)) };
  routes.set('/apis', negotiated(groupList, aggregated(endpoints, groups)));
  for (const group of groups) serve(`/apis/${group}`, { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(endpoints, group) });
  for (const { group, version } of endpoints.groupVersions) {
    serve(group ? `/apis/${group}/${version}` : `/api/${version}`, resourceList(endpoints, group, version));
  }
  return routes;
}

function groupDocument({ groupVersions }: Endpoints, name: string): object {
  const versions = groupVersions
    .filter(({ group }) => group === name)
    .map(({ group, version }) => ({ groupVersion: `${group}/${version}`, version }));
  return { name, versions, preferredVersion: versions[0] };
}

function resourceList({ resources }: Endpoints, group: string, version: string): object {
  const own = resources.filter((resource) => resource.group === group && resource.version === version);
  return {
    kind: 'APIResourceList',
    ...(group ? { apiVersion: 'v1' } : {}),
    groupVersion: group ? `${group}/${version}` : version,
    resources: own.map((resource) => ({
      name: resource.subresource ? `${resource.name}/${resource.subresource}` : resource.name,
      singularName: resource.singularName,
      namespaced: resource.namespaced,
      ...(resource.subresource && foreign(resource) ? { group: resource.kind.group, version: resource.kind.version } : {}),
      kind: resource.kind.kind,
      verbs: resource.verbs,
      ...(resource.shortNames ? { shortNames: resource.shortNames } : {}),
      ...(resource.categories ? { categories: resource.categories } : {}),
      ...(resource.verbs.includes('list') ? { storageVersionHash: storageHash(resource) } : {}),
    })),
  };
}

function foreign({ group, version, kind }: ApiResource): boolean {
  return kind.group !== group || kind.version !== version;
}

function storageHash({ kind: { group, version, kind } }: ApiResource): string {
  return createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64');
}

/** `APIGroupDiscoveryList` for these groups; the version goes into its apiVersion. */
function aggregated(endpoints: Endpoints, groups: readonly string[]): (version: string) => object {
  const items = groups.map((group) => ({
    metadata: group ? { name: group, creationTimestamp: null } : { creationTimestamp: null },
    versions: endpoints.groupVersions
      .filter((one) => one.group === group)
      .map(({ version }) => ({ version, resources: aggregatedResources(endpoints, group, version), freshness: 'Current' })),
  }));
  return (version) => ({ kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items });
}

function aggregatedResources({ resources }: Endpoints, group: string, version: string): object[] {
  const own = resources.filter((resource) => resource.group === group && resource.version === version);
  return own
    .filter((resource) => !resource.subresource)
    .map((resource) => {
      const subresources = own.filter((one) => one.subresource && one.name === resource.name);
      return {
        resource: resource.name,
        responseKind: resource.kind,
        scope: resource.namespaced ? 'Namespaced' : 'Cluster',
        singularResource: resource.singularName,
        verbs: resource.verbs,
        ...(resource.shortNames ? { shortNames: resource.shortNames } : {}),
        ...(resource.categories ? { categories: resource.categories } : {}),
        ...(subresources.length > 0
          ? { subresources: subresources.map((one) => ({ subresource: one.subresource, responseKind: one.kind, verbs: one.verbs })) }
          : {}),
      };
    });
}

function negotiated(plain: object, aggregate: (version: string) => object): ExchangeHandler {
  const documents = new Map<string, { type: string; body: string; etag: string }>();
  const prepare = (key: string, type: string, document: object): void => {
    const body = `${JSON.stringify(document)}\n`;
    documents.set(key, { type, body, etag: `"${createHash('sha256').update(body).digest('hex').toUpperCase()}"` });
  };
  prepare('', 'application/json', plain);
  for (const version of ['v2', 'v2beta1']) {
    prepare(version, `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`, aggregate(version));
  }
  return (exchange) => {
    const document = documents.get(wantedForm(exchange));
    if (!document) return noSuchPage(exchange);
    exchange.setHeader('Vary', 'Accept');
    if (document === documents.get('')) return exchange.reply(200, document.type, document.body);
    exchange.setHeader('ETag', document.etag);
    if (exchange.header('if-none-match') === document.etag) return exchange.reply(304, document.type, '');
    return exchange.reply(200, document.type, document.body);
  };
}

/** `v2` or `v2beta1` for the aggregated form, empty for the old one. */
function wantedForm(exchange: Exchange): string {
  const accept = exchange.header('accept');
  if (!accept) return '';
  for (const { type, parameters } of parseAccept(accept)) {
    if (type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue;
    const { g, v, as } = parameters;
    if (as === undefined) return '';
    if (as === 'APIGroupDiscoveryList' && g === 'apidiscovery.k8s.io' && (v === 'v2' || v === 'v2beta1')) return v;
  }
  throw notAcceptable();
}
