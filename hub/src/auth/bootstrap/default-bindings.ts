import type { ClusterRole, ClusterRoleBinding, RbacSubject, RoleBinding } from '@flotilla/shared/api/generated/types.js';
import { bootstrapMetadata, type Origin } from './role-table.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const apiVersion = `${apiGroup}/v1`;
const controllerPrefix = 'system:controller:';

const user = (name: string): RbacSubject => ({ kind: 'User', apiGroup, name });
const group = (name: string): RbacSubject => ({ kind: 'Group', apiGroup, name });
const account = (name: string): RbacSubject => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' });

const controllerManager = user('system:kube-controller-manager');
const scheduler = user('system:kube-scheduler');

/** Who has which ClusterRole everywhere; `system:node` nobody: the node authorizer gives boards less. */
const clusterBindings: Readonly<Record<string, readonly RbacSubject[]>> = {
  'cluster-admin': [group('system:masters')],
  'system:basic-user': [group('system:authenticated')],
  'system:discovery': [group('system:authenticated')],
  'system:kube-controller-manager': [controllerManager],
  'system:kube-dns': [account('kube-dns')],
  'system:kube-scheduler': [scheduler],
  'system:monitoring': [group('system:monitoring')],
  'system:node': [],
  'system:node-proxier': [user('system:kube-proxy')],
  'system:public-info-viewer': [group('system:authenticated'), group('system:unauthenticated')],
  'system:service-account-issuer-discovery': [group('system:serviceaccounts')],
  'system:volume-scheduler': [scheduler],
  // Our controllers tell of more than Kubernetes' do.
  'flotilla:event-writer': ['namespace-controller', 'pod-garbage-collector'].map(account),
};

/** Who has which Role of a namespace; the binding is called like the role unless a name is given. */
const bindings: readonly (readonly [namespace: string, role: string, subjects: readonly RbacSubject[], name?: string])[] = [
  ['kube-public', 'system:controller:bootstrap-signer', [account('bootstrap-signer')]],
  [
    'kube-system',
    'extension-apiserver-authentication-reader',
    [controllerManager, scheduler],
    'system::extension-apiserver-authentication-reader',
  ],
  [
    'kube-system',
    'system::leader-locking-kube-controller-manager',
    [controllerManager, account('kube-controller-manager'), account('leader-election-controller')],
  ],
  ['kube-system', 'system::leader-locking-kube-scheduler', [scheduler, account('kube-scheduler')]],
  ['kube-system', 'system:controller:bootstrap-signer', [account('bootstrap-signer')]],
  ['kube-system', 'system:controller:cloud-provider', [account('cloud-provider')]],
  ['kube-system', 'system:controller:token-cleaner', [account('token-cleaner')]],
  ['kube-system', 'flotilla:node-link', [account('node-controller')]],
  ['kube-node-lease', 'flotilla:node-link', [account('node-controller')]],
];

/** One binding for each role in the table, and one for each controller's role. */
export function defaultClusterRoleBindings(roles: readonly ClusterRole[]): ClusterRoleBinding[] {
  const controllers = roles.map(({ metadata }) => metadata?.name ?? '').filter((name) => name.startsWith(controllerPrefix));
  const all: (readonly [string, readonly RbacSubject[]])[] = [
    ...Object.entries(clusterBindings),
    ...controllers.map((name) => [name, [account(name.slice(controllerPrefix.length))]] as const),
  ];
  return all.map(([name, subjects]) => ({
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: { name, ...bootstrapMetadata(originOf(name)) },
    roleRef: { apiGroup, kind: 'ClusterRole', name },
    ...(subjects.length > 0 ? { subjects: [...subjects] } : {}),
  }));
}

export function defaultRoleBindings(): RoleBinding[] {
  return bindings.map(([namespace, role, subjects, name = role]) => ({
    apiVersion,
    kind: 'RoleBinding',
    metadata: { name, namespace, ...bootstrapMetadata(originOf(name)) },
    roleRef: { apiGroup, kind: 'Role', name: role },
    subjects: [...subjects],
  }));
}

/** Controllers that Kubernetes does not have. */
const ownControllers: ReadonlySet<string> = new Set(['system:controller:node-operation-controller']);

const originOf = (name: string): Origin =>
  name.startsWith('flotilla:') || ownControllers.has(name) ? 'flotilla-defaults' : 'rbac-defaults';
