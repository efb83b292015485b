import type { Logger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { Registry, RequestContext, ResourceRegistry, UpdateOptions } from '#registry/generic/types.ts';
import { type Authorizer, forbiddenError } from './types.ts';

export interface AuthorizedRegistryOptions {
  readonly registry: Registry;
  /** Asked when something is written, so that it can be made after this. */
  readonly authorizer: () => Authorizer;
  readonly logger: Logger;
}

/** Created by POST though they change an object that is there. */
const posted: ReadonlySet<string> = new Set(['binding', 'eviction']);

/**
 * The registry as the hub's own parts have it: what they write is authorized like a request of that user, and one that no role allows
 * is refused and told in the log. An update in process begins with what stands now, so `patch` allows it as `update` does. What they
 * read comes from the informers that all of them share.
 */
export function authorizedRegistry({ registry, authorizer, logger }: AuthorizedRegistryOptions): Registry {
  const wrapped = new Map<ResourceRegistry, ResourceRegistry>();
  const require = (of: ResourceRegistry, ctx: RequestContext, verbs: readonly string[], about: About): void => {
    const { group, version, resource } = of.definition;
    const { namespace, name, subresource = '' } = about;
    const target = { group, version, resource, subresource, namespace: of.definition.namespaced ? namespace : '', name };
    for (const [index, verb] of verbs.entries()) {
      const attributes = { user: ctx.user, verb, path: '', resource: target };
      const decision = authorizer().authorize(attributes);
      if (decision.verdict === 'allow') return;
      if (index < verbs.length - 1) continue;
      const error = forbiddenError(attributes, decision);
      logger.warn('a part of the hub was refused a write', { user: ctx.user.name, verb: verbs[0], ...target, error });
      throw error;
    }
  };
  const wrap = (of: ResourceRegistry): ResourceRegistry => ({
    definition: of.definition,
    get: (ctx, namespace, name) => of.get(ctx, namespace, name),
    list: (ctx, namespace, options) => of.list(ctx, namespace, options),
    watch: (ctx, namespace, options, sink) => of.watch(ctx, namespace, options, sink),
    async create(ctx, namespace, object, options) {
      require(of, ctx, ['create'], { namespace, name: object.metadata?.name ?? '' });
      return of.create(ctx, namespace, object, options);
    },
    async update(ctx, namespace, name, update, options) {
      require(of, ctx, verbsOf(options), { namespace, name, subresource: options?.subresource });
      return of.update(ctx, namespace, name, update, options);
    },
    async delete(ctx, namespace, name, options) {
      require(of, ctx, ['delete'], { namespace, name });
      return of.delete(ctx, namespace, name, options);
    },
    async deleteCollection(ctx, namespace, list, options) {
      require(of, ctx, ['deletecollection'], { namespace, name: '' });
      return of.deleteCollection(ctx, namespace, list, options);
    },
  });
  const authorized = (of: ResourceRegistry): ResourceRegistry => {
    let known = wrapped.get(of);
    if (!known) {
      known = wrap(of);
      wrapped.set(of, known);
    }
    return known;
  };
  return {
    // The wrapper of a resource yields objects of its kind only.
    resource: <T extends KubeObject>(group: string, resource: string) =>
      authorized(registry.resource(group, resource)) as unknown as ResourceRegistry<T>,
    resources: () => registry.resources().map(authorized),
  };
}

interface About {
  readonly namespace: string;
  readonly name: string;
  readonly subresource?: string | undefined;
}

function verbsOf(options: UpdateOptions | undefined): readonly string[] {
  return posted.has(options?.subresource ?? '') ? ['create'] : ['update', 'patch'];
}
