import { apply } from './cases/apply.ts';
import { configMaps } from './cases/config-maps.ts';
import { decoding } from './cases/decoding.ts';
import { deletion } from './cases/deletion.ts';
import { endpoints } from './cases/endpoints.ts';
import { ephemeralContainers } from './cases/ephemeral-containers.ts';
import { eventsAndLeases } from './cases/events-leases.ts';
import { eventsOfGroup } from './cases/events-of-group.ts';
import { lists } from './cases/lists.ts';
import { namespaces } from './cases/namespaces.ts';
import { nodes } from './cases/nodes.ts';
import { patches } from './cases/patches.ts';
import { podFields } from './cases/pod-fields.ts';
import { podTemplates } from './cases/pod-templates.ts';
import { pods } from './cases/pods.ts';
import { protobufBodies } from './cases/protobuf.ts';
import { rbacKinds } from './cases/rbac-kinds.ts';
import { rbacRefusals } from './cases/rbac-refusals.ts';
import { rbacReviews } from './cases/rbac-reviews.ts';
import { replicationControllers } from './cases/replication-controllers.ts';
import { routes } from './cases/routes.ts';
import { secretsAndAccounts } from './cases/secrets-accounts.ts';
import { serviceChanges } from './cases/service-changes.ts';
import { services } from './cases/services.ts';
import { strategic } from './cases/strategic.ts';
import { watches } from './cases/watches.ts';
import { workloads } from './cases/workloads.ts';
import type { Topic } from './exchange.ts';

/** Everything that is asked. A topic may be played alone. */
export const topics: readonly Topic[] = [
  apply,
  configMaps,
  decoding,
  deletion,
  ephemeralContainers,
  endpoints,
  eventsAndLeases,
  eventsOfGroup,
  lists,
  namespaces,
  nodes,
  patches,
  podFields,
  podTemplates,
  pods,
  protobufBodies,
  rbacKinds,
  rbacRefusals,
  rbacReviews,
  replicationControllers,
  routes,
  secretsAndAccounts,
  serviceChanges,
  services,
  strategic,
  watches,
  workloads,
];
