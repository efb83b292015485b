import { controllerRevisions } from './apps/controller-revision.ts';
import { deployments } from './apps/deployment.ts';
import { replicaSets } from './apps/replica-set.ts';
import { leases } from './coordination/lease.ts';
import { configMaps } from './core/config-map.ts';
import { endpoints } from './core/endpoints.ts';
import { events } from './core/event.ts';
import { namespaces } from './core/namespace.ts';
import { nodes } from './core/node.ts';
import { pods } from './core/pod.ts';
import { podTemplates } from './core/pod-template.ts';
import { replicationControllers } from './core/replication-controller.ts';
import { secrets } from './core/secret.ts';
import { services } from './core/service.ts';
import { serviceAccounts } from './core/service-account.ts';
import { endpointSlices } from './discovery/endpoint-slice.ts';
import { eventsOfGroup } from './events/event.ts';
import { nodeOperations } from './fleet/node-operation.ts';
import type { ResourceDefinition } from './generic/types.ts';
import { clusterRoles } from './rbac/cluster-role.ts';
import { roles } from './rbac/role.ts';
import { clusterRoleBindings, roleBindings } from './rbac/role-binding.ts';

/** Every kind the hub serves. */
export const definitions: readonly ResourceDefinition[] = [
  namespaces,
  nodes,
  pods,
  podTemplates,
  replicationControllers,
  configMaps,
  secrets,
  serviceAccounts,
  services,
  endpoints,
  endpointSlices,
  events,
  eventsOfGroup,
  leases,
  deployments,
  replicaSets,
  controllerRevisions,
  clusterRoleBindings,
  clusterRoles,
  roleBindings,
  roles,
  nodeOperations,
];
