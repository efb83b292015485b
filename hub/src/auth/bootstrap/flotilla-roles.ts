/**
 * What is ours, as `parseRoles` reads it: boards are the fleet's operator's, so `edit` and `admin` stop at them; who may view may see what
 * is done to them. Names that begin with `system:controller:` are bound like those of Kubernetes' controllers.
 */
export const flotillaRoles = `
flotilla:aggregate-to-view +aggregate-to-view
  get list watch | fleet.flotilla.dev | nodeoperations nodeoperations/status
flotilla:fleet-viewer
  get list watch | core | events namespaces nodes pods
  get list watch | coordination.k8s.io | leases
  get list watch | fleet.flotilla.dev | nodeoperations nodeoperations/status
flotilla:fleet-operator
  get list watch | core | events namespaces nodes pods pods/log
  patch update | core | nodes
  create | core | pods/eviction
  create | fleet.flotilla.dev | nodes/shell
  list update | fleet.flotilla.dev | nodes/enrolment
  get list watch | coordination.k8s.io | leases
  get list watch | apps | daemonsets deployments replicasets statefulsets
  create delete deletecollection get list patch update watch | fleet.flotilla.dev | nodeoperations
  get | fleet.flotilla.dev | nodeoperations/status
flotilla:event-writer
  create patch update | core events.k8s.io | events
system:controller:node-operation-controller
  delete get list watch | fleet.flotilla.dev | nodeoperations
  patch update | fleet.flotilla.dev | nodeoperations/status
  get list watch | core | nodes
  create patch update | core events.k8s.io | events
`;

/** Roles of the link to the boards: who may connect, what boards report, when they were heard of. */
export const linkRoles = `
kube-system/flotilla:node-link
  create delete get list patch update watch | core | secrets
  create get list patch update watch | core | configmaps
kube-node-lease/flotilla:node-link
  create delete get list patch update watch | coordination.k8s.io | leases
`;
