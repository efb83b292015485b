import { type Authorizer, allow, noOpinion, type ResourceRule, type Rules } from './types.ts';

const everything: Rules = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};
const nothing: Rules = { resourceRules: [], nonResourceRules: [] };

/** `system:masters` may do all. */
export const mastersAuthorizer: Authorizer = {
  authorize: ({ user }) => (user.groups.includes('system:masters') ? allow() : noOpinion),
  rules: (user) => (user.groups.includes('system:masters') ? everything : nothing),
};

const openPaths = ['/healthz', '/livez', '/readyz', '/version'];
const discoveryPaths = ['/api', '/apis', '/openapi'];

/** Anybody, also without credentials: version and health. */
export const publicAuthorizer: Authorizer = {
  authorize: ({ resource, verb, path }) => (!resource && isRead(verb) && under(openPaths, path) ? allow() : noOpinion),
  rules: () => ({ resourceRules: [], nonResourceRules: [{ verbs: ['get'], nonResourceURLs: withChildren(openPaths) }] }),
};

const selfReviews: readonly ResourceRule[] = [
  { verbs: ['create'], apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'] },
  { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
];

/** Everybody who is somebody: discovery and questions about oneself (Kubernetes' `system:discovery` and `system:basic-user`). */
export const authenticatedAuthorizer: Authorizer = {
  authorize({ user, resource, verb, path }) {
    if (!user.groups.includes('system:authenticated')) return noOpinion;
    if (!resource) return isRead(verb) && under(discoveryPaths, path) ? allow() : noOpinion;
    const rule = selfReviews.find(
      ({ apiGroups, resources }) => apiGroups.includes(resource.group) && resources.includes(resource.resource),
    );
    return rule?.verbs.includes(verb) && !resource.subresource ? allow() : noOpinion;
  },
  rules: (user) =>
    user.groups.includes('system:authenticated')
      ? { resourceRules: selfReviews, nonResourceRules: [{ verbs: ['get'], nonResourceURLs: withChildren(discoveryPaths) }] }
      : nothing,
};

/** Service accounts in kube-system that the hub's own parts act as; they write in process, over HTTP they may do the same. */
export function controllersAuthorizer(names: readonly string[]): Authorizer {
  const users = new Set(names.map((name) => `system:serviceaccount:kube-system:${name}`));
  return {
    authorize: ({ user, resource }) => (resource && users.has(user.name) ? allow() : noOpinion),
    rules: (user) => (users.has(user.name) ? { ...everything, nonResourceRules: [] } : nothing),
  };
}

function isRead(verb: string): boolean {
  return verb === 'get' || verb === 'head';
}

function under(prefixes: readonly string[], path: string): boolean {
  return prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
}

function withChildren(paths: readonly string[]): string[] {
  return paths.flatMap((path) => [path, `${path}/*`]);
}
