import type { PolicyRule } from '@flotilla/shared/api/generated/types.js';
import type { Attributes } from '../authz/types.ts';

/** A rule with sets where lists were, so that a look costs the same however long they are. */
interface CompiledRule {
  readonly verbs: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  /** Undefined when any name will do. */
  readonly names: ReadonlySet<string> | undefined;
}

const all = '*';
const holds = (set: ReadonlySet<string>, value: string): boolean => set.has(all) || set.has(value);

/** The rules of one role, found by resource (kubernetes, `RuleAllows` of its RBAC authorizer). */
export class RuleMatch {
  /** By `pods`, `pods/exec`, `*` and `*` + `/exec`. */
  readonly #byResource = new Map<string, CompiledRule[]>();
  readonly #urls: { readonly verbs: ReadonlySet<string>; readonly urls: readonly string[] }[] = [];

  constructor(rules: readonly PolicyRule[] | null | undefined) {
    for (const { verbs, apiGroups = [], resources = [], resourceNames, nonResourceURLs } of rules ?? []) {
      const verbSet = new Set(verbs);
      if (nonResourceURLs?.length) this.#urls.push({ verbs: verbSet, urls: nonResourceURLs });
      const rule = { verbs: verbSet, groups: new Set(apiGroups), names: resourceNames?.length ? new Set(resourceNames) : undefined };
      for (const resource of new Set(resources)) {
        const there = this.#byResource.get(resource);
        if (there) there.push(rule);
        else this.#byResource.set(resource, [rule]);
      }
    }
  }

  allows({ verb, resource, path }: Attributes): boolean {
    if (!resource) return this.#urls.some(({ verbs, urls }) => holds(verbs, verb) && urls.some((url) => urlMatches(url, path)));
    const { subresource } = resource;
    return (
      this.#within(all, verb, resource) ||
      this.#within(subresource ? `${resource.resource}/${subresource}` : resource.resource, verb, resource) ||
      (subresource !== '' && this.#within(`*/${subresource}`, verb, resource))
    );
  }

  #within(key: string, verb: string, { group, name }: NonNullable<Attributes['resource']>): boolean {
    const rules = this.#byResource.get(key);
    if (!rules) return false;
    for (const { verbs, groups, names } of rules) {
      if (holds(verbs, verb) && holds(groups, group) && (names === undefined || names.has(name))) return true;
    }
    return false;
  }
}

/** `*`, the path itself, or a beginning that ends in `*`. */
export function urlMatches(url: string, path: string): boolean {
  return url === all || url === path || (url.endsWith(all) && path.startsWith(url.replace(/\*+$/, '')));
}
