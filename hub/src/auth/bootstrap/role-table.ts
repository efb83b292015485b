import type { ClusterRole, PolicyRule } from '@flotilla/shared/api/generated/types.js';

const aggregate = 'rbac.authorization.k8s.io/';

/** Whose default something is: Kubernetes', or ours. */
export type Origin = 'rbac-defaults' | 'flotilla-defaults';

/** What all that comes with the hub carries (kubernetes, `bootstrappolicy`). */
export const bootstrapMetadata = (origin: Origin) => ({
  labels: { 'kubernetes.io/bootstrapping': origin as string },
  annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
});

/**
 * Reads roles from text. A role begins at the margin: its name, then `+aggregate-to-x` for what it is gathered into and `<aggregate-to-x` for
 * what it gathers. Its rules follow, indented by two, each `VERBS | GROUPS | RESOURCES [| NAMES]` or `VERBS | PATHS`, `core` for the
 * group without a name; four spaces go on with the line before.
 */
export function parseRoles(text: string, origin: Origin): ClusterRole[] {
  const roles: ClusterRole[] = [];
  for (const line of text.replaceAll('\n    ', ' ').split('\n')) {
    if (line === '') continue;
    if (line.startsWith(' ')) roles.at(-1)?.rules?.push(parseRule(line));
    else roles.push(parseHead(line, origin));
  }
  return roles;
}

function parseHead(line: string, origin: Origin): ClusterRole {
  const { labels, annotations } = bootstrapMetadata(origin);
  const [name = '', ...marks] = line.split(' ');
  const given = marks.filter((mark) => mark.startsWith('+')).map((mark) => [`${aggregate}${mark.slice(1)}`, 'true']);
  const gathered = marks
    .filter((mark) => mark.startsWith('<'))
    .map((mark) => ({ matchLabels: { [`${aggregate}${mark.slice(1)}`]: 'true' } }));
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name, labels: { ...labels, ...Object.fromEntries(given) }, annotations },
    ...(gathered.length > 0 ? { aggregationRule: { clusterRoleSelectors: gathered } } : { rules: [] }),
  };
}

function parseRule(line: string): PolicyRule {
  const [verbs = [], second = [], resources, resourceNames] = line.split('|').map((part) => part.trim().split(/\s+/));
  if (!resources) return { verbs, nonResourceURLs: second };
  const apiGroups = second.map((group) => (group === 'core' ? '' : group));
  return { verbs, apiGroups, resources, ...(resourceNames ? { resourceNames } : {}) };
}
