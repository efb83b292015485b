import type { PolicyRule } from '@flotilla/shared/api/generated/types.js';
import { StatusError } from '@flotilla/shared/errors/status.js';
import { urlMatches } from './rule-match.ts';

/** More single rights than this in one rule are not told apart. */
const mostParts = 20_000;

/**
 * The parts of `wanted` that `held` does not give; empty when it gives all (kubernetes, `component-helpers/auth/rbac/validation` Covers).
 * Each part is one verb on one resource of one group, and one name if names were given. @throws StatusError when a rule is too large
 */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const missing: PolicyRule[] = [];
  for (const rule of wanted) {
    if (held.some((owner) => covers(owner, rule))) continue;
    for (const part of partsOf(rule)) if (!held.some((owner) => covers(owner, part))) missing.push(part);
  }
  return missing;
}

function partsOf(rule: PolicyRule): PolicyRule[] {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const names: (string | undefined)[] = resourceNames.length > 0 ? resourceNames : [undefined];
  const count = (verbs ?? []).length * (apiGroups.length * resources.length * names.length + nonResourceURLs.length);
  if (count > mostParts)
    throw new StatusError(403, 'Forbidden', `a rule gives ${count} single rights; at most ${mostParts} can be compared`);
  const parts: PolicyRule[] = [];
  for (const group of apiGroups) {
    for (const resource of resources) {
      for (const verb of verbs ?? []) {
        for (const name of names) {
          parts.push({
            verbs: [verb],
            apiGroups: [group],
            resources: [resource],
            ...(name === undefined ? {} : { resourceNames: [name] }),
          });
        }
      }
    }
  }
  for (const url of nonResourceURLs) for (const verb of verbs ?? []) parts.push({ verbs: [verb], nonResourceURLs: [url] });
  return parts;
}

/** Whether one rule gives all that another one does. */
function covers(owner: PolicyRule, part: PolicyRule): boolean {
  return (
    hasAll(owner.verbs, part.verbs) &&
    hasAll(owner.apiGroups, part.apiGroups) &&
    coversResources(owner.resources ?? [], part.resources ?? []) &&
    (part.nonResourceURLs ?? []).every((url) => owner.nonResourceURLs?.some((held) => urlMatches(held, url))) &&
    coversNames(owner.resourceNames ?? [], part.resourceNames ?? [])
  );
}

function hasAll(held: readonly string[] | null | undefined, wanted: readonly string[] | null | undefined): boolean {
  if (held?.includes('*')) return true;
  return (wanted ?? []).every((one) => held?.includes(one));
}

function coversResources(held: readonly string[], wanted: readonly string[]): boolean {
  if (hasAll(held, wanted)) return true;
  return wanted.every((one) => {
    const slash = one.indexOf('/');
    return held.includes(one) || (slash >= 0 && held.includes(`*${one.slice(slash)}`));
  });
}

function coversNames(held: readonly string[], wanted: readonly string[]): boolean {
  if (wanted.length === 0) return held.length === 0;
  return held.length === 0 || wanted.every((one) => held.includes(one));
}

/** Puts single rights on the same resource together again, as Kubernetes shows them. */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const byTarget = new Map<string, PolicyRule>();
  const compact: PolicyRule[] = [];
  for (const rule of rules) {
    if (!isSimple(rule)) {
      compact.push(rule);
      continue;
    }
    const { apiGroups, resources, resourceNames } = rule;
    const key = JSON.stringify([apiGroups, resources, resourceNames]);
    const there = byTarget.get(key);
    if (there) {
      for (const verb of rule.verbs) if (!there.verbs.includes(verb)) there.verbs.push(verb);
      continue;
    }
    const first = { ...rule, verbs: [...rule.verbs] };
    byTarget.set(key, first);
    compact.push(first);
  }
  return compact;
}

function isSimple({ apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule): boolean {
  return apiGroups.length === 1 && resources.length === 1 && resourceNames.length <= 1 && nonResourceURLs.length === 0;
}

/** A rule in one line: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`. */
export function describeRule({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }: PolicyRule): string {
  const parts: (readonly [string, readonly string[] | undefined])[] = [
    ['APIGroups', apiGroups],
    ['Resources', resources],
    ['NonResourceURLs', nonResourceURLs],
    ['ResourceNames', resourceNames],
    ['Verbs', verbs],
  ];
  const told = parts.flatMap(([name, list]) => (list?.length ? [`${name}:${quotedList(list)}`] : []));
  return `{${told.join(', ')}}`;
}

/** As Go's `%q` shows a list. */
export function quotedList(list: readonly string[]): string {
  return `[${list.map((one) => JSON.stringify(one)).join(' ')}]`;
}
