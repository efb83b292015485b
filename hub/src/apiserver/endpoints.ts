import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { ResourceDefinition, ResourceRegistry, Subresource } from '#registry/generic/types.ts';
import type { ApiRequest } from './exchange.ts';
import type { ResourceTarget } from './request-info.ts';

/** A resource that is asked, not stored: reviews. Only `create` exists. */
export interface QuestionResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly resource: string;
  readonly singular: string;
  readonly namespaced: boolean;
  /** The name of its definition in the OpenAPI document. */
  readonly schema: string;
  answer(request: ApiRequest, target: ResourceTarget, object: KubeObject): KubeObject | Promise<KubeObject>;
}

/** A subresource with a handler of its own, beside those the kind describes (`pods/log`, `serviceaccounts/token`). */
export interface SpecialSubresource {
  readonly group: string;
  readonly resource: string;
  readonly description: Pick<Subresource, 'name' | 'kind' | 'verbs'>;
  /** Whether it also takes paths below it, and every method. */
  readonly hasPaths?: true;
  handle(request: ApiRequest, resource: ResourceRegistry, target: ResourceTarget): void | Promise<void>;
}

/** Something to connect to that is neither stored nor asked: one subresource of names that are known elsewhere. */
export interface ConnectResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespaced: boolean;
  /** Of its options, for discovery. */
  readonly kind: string;
  readonly verbs: readonly string[];
  handle(request: ApiRequest, target: ResourceTarget): void | Promise<void>;
}

export interface ConnectEndpoint {
  readonly connect: ConnectResource;
}

export interface StoredEndpoint {
  readonly stored: ResourceRegistry;
  readonly special: ReadonlyMap<string, SpecialSubresource>;
}

export interface QuestionEndpoint {
  readonly question: QuestionResource;
}

export type Endpoint = StoredEndpoint | QuestionEndpoint | ConnectEndpoint;

/** One line of discovery. */
export interface ApiResource {
  readonly group: string;
  readonly version: string;
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresource?: string;
}

const storedVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** All that is served, found by the parts of the URL. */
export class Endpoints {
  readonly #endpoints = new Map<string, Endpoint>();
  readonly resources: readonly ApiResource[];
  /** Group versions, core first, in the order of their registration. */
  readonly groupVersions: readonly { readonly group: string; readonly version: string }[];

  constructor(
    stored: readonly ResourceRegistry[],
    special: readonly SpecialSubresource[],
    questions: readonly QuestionResource[],
    connects: readonly ConnectResource[] = [],
  ) {
    const resources: ApiResource[] = [];
    for (const resource of stored) {
      const own = special.filter((one) => one.group === resource.definition.group && one.resource === resource.definition.resource);
      this.#endpoints.set(keyOf(resource.definition), {
        stored: resource,
        special: new Map(own.map((one) => [one.description.name, one])),
      });
      resources.push(...describe(resource.definition, own));
    }
    for (const question of questions) {
      this.#endpoints.set(keyOf(question), { question });
      resources.push(...describe({ ...question, verbs: ['create'] }));
    }
    for (const connect of connects) {
      this.#endpoints.set(keyOf(connect), { connect });
      const { group, version, kind, resource: name, subresource, namespaced, verbs } = connect;
      resources.push({ group, version, name, singularName: '', namespaced, kind: { group, version, kind }, verbs, subresource });
    }
    this.resources = resources;
    const seen = new Map(resources.map(({ group, version }) => [`${group}/${version}`, { group, version }]));
    this.groupVersions = [...seen.values()].sort((a, b) => Number(a.group !== '') - Number(b.group !== ''));
  }

  find(target: Pick<ResourceTarget, 'group' | 'version' | 'resource'>): Endpoint | undefined {
    return this.#endpoints.get(keyOf(target));
  }

  hasVersion(group: string, version: string): boolean {
    return this.groupVersions.some((one) => one.group === group && one.version === version);
  }
}

type Described = Pick<ResourceDefinition, 'group' | 'version' | 'kind' | 'resource' | 'singular' | 'namespaced' | 'verbs'> &
  Partial<Pick<ResourceDefinition, 'shortNames' | 'categories' | 'subresources'>>;

function keyOf({ group, version, resource }: Pick<ResourceTarget, 'group' | 'version' | 'resource'>): string {
  return `${group}/${version}/${resource}`;
}

function describe(definition: Described, special: readonly SpecialSubresource[] = []): ApiResource[] {
  const { group, version, kind, resource, singular, namespaced, shortNames, categories, verbs = storedVerbs } = definition;
  const main: ApiResource = {
    group,
    version,
    name: resource,
    singularName: singular,
    namespaced,
    kind: { group, version, kind },
    verbs: [...verbs].sort(),
    ...(shortNames ? { shortNames } : {}),
    ...(categories ? { categories } : {}),
  };
  const named = new Map((definition.subresources ?? []).map((one) => [one.name, { name: one.name, kind: one.kind, verbs: one.verbs }]));
  for (const { description } of special) named.set(description.name, { ...description });
  const subresources = [...named.values()].map((one) => ({
    group,
    version,
    name: resource,
    singularName: '',
    namespaced,
    kind: one.kind,
    verbs: [...one.verbs].sort(),
    subresource: one.name,
  }));
  return [main, ...subresources.sort((a, b) => (a.subresource < b.subresource ? -1 : 1))];
}
