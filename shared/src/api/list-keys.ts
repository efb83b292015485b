/**
 * How lists and maps of the Kubernetes API merge: what its Go types say in `patchStrategy`, `patchMergeKey`, `+listType`,
 * `+listMapKey`, `+mapType` and `+structType`. A list that has no row is atomic; a map or struct that has no row is granular.
 */
export interface MergeRule {
  /** Strategic merge patch: `merge`, `retainKeys`, `merge,retainKeys`, `replace`. */
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
  /** Server-side apply. */
  readonly listType?: 'map' | 'set';
  readonly listMapKeys?: readonly string[];
  readonly mapType?: 'atomic' | 'granular';
}

const core = 'io.k8s.api.core.v1';
const apps = 'io.k8s.api.apps.v1';
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** A list merged by one key in both kinds of patch; more keys count in server-side apply only. */
const keyed = (key: string, ...more: string[]): MergeRule => ({
  patchStrategy: 'merge',
  patchMergeKey: key,
  listType: 'map',
  listMapKeys: [key, ...more],
});
const retained = (key: string): MergeRule => ({ ...keyed(key), patchStrategy: 'merge,retainKeys' });
/** Keyed in server-side apply, replaced by a strategic merge patch. */
const appliedByKey = (...keys: string[]): MergeRule => ({ listType: 'map', listMapKeys: keys });
/** A set of scalars in server-side apply, replaced by a strategic merge patch. */
const appliedSet: MergeRule = { listType: 'set' };
const mergedSet: MergeRule = { patchStrategy: 'merge', listType: 'set' };
const atomicMap: MergeRule = { mapType: 'atomic' };
const conditions = { conditions: keyed('type') };
const containerLists = {
  env: keyed('name'),
  ports: keyed('containerPort', 'protocol'),
  volumeDevices: keyed('devicePath'),
  volumeMounts: keyed('mountPath'),
};
const webhookLists = { matchConditions: keyed('name') };
const claimStatus = { reservedFor: keyed('uid'), devices: appliedByKey('driver', 'device', 'pool', 'shareID') };

const rules: Readonly<Record<string, Readonly<Record<string, MergeRule>>>> = {
  [`${meta}.ObjectMeta`]: { finalizers: mergedSet, ownerReferences: keyed('uid') },
  [`${core}.ComponentStatus`]: conditions,
  [`${core}.Container`]: containerLists,
  [`${core}.EphemeralContainer`]: containerLists,
  [`${core}.ContainerRestartRuleOnExitCodes`]: { values: appliedSet },
  [`${core}.ContainerStatus`]: { allocatedResourcesStatus: keyed('name'), volumeMounts: keyed('mountPath') },
  [`${core}.NamespaceStatus`]: conditions,
  [`${core}.NodeSpec`]: { podCIDRs: mergedSet },
  [`${core}.NodeStatus`]: { ...conditions, addresses: keyed('type') },
  [`${core}.PersistentVolumeClaimStatus`]: conditions,
  [`${core}.PersistentVolumeSpec`]: { claimRef: { mapType: 'granular' } },
  [`${core}.PodSpec`]: {
    containers: keyed('name'),
    ephemeralContainers: keyed('name'),
    hostAliases: keyed('ip'),
    imagePullSecrets: keyed('name'),
    initContainers: keyed('name'),
    nodeSelector: atomicMap,
    resourceClaims: retained('name'),
    schedulingGates: keyed('name'),
    topologySpreadConstraints: keyed('topologyKey', 'whenUnsatisfiable'),
    volumes: retained('name'),
  },
  [`${core}.PodStatus`]: {
    ...conditions,
    hostIPs: { patchStrategy: 'merge', patchMergeKey: 'ip' },
    podIPs: keyed('ip'),
    resourceClaimStatuses: retained('name'),
  },
  [`${core}.ReplicationControllerSpec`]: { selector: atomicMap },
  [`${core}.ReplicationControllerStatus`]: conditions,
  [`${core}.ResourceRequirements`]: { claims: appliedByKey('name') },
  [`${core}.ResourceStatus`]: { resources: appliedByKey('resourceID') },
  [`${core}.ServiceAccount`]: { secrets: keyed('name') },
  [`${core}.ServiceSpec`]: { ports: keyed('port', 'protocol'), selector: atomicMap },
  [`${core}.ServiceStatus`]: conditions,
  [`${apps}.DaemonSetStatus`]: conditions,
  [`${apps}.DeploymentSpec`]: { strategy: { patchStrategy: 'retainKeys' } },
  [`${apps}.DeploymentStatus`]: conditions,
  [`${apps}.ReplicaSetStatus`]: conditions,
  [`${apps}.StatefulSetStatus`]: conditions,
  'io.k8s.api.admissionregistration.v1.MutatingWebhook': webhookLists,
  'io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration': { webhooks: keyed('name') },
  'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec': { validationActions: appliedSet },
  'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicySpec': { ...webhookLists, variables: keyed('name') },
  'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyStatus': { conditions: appliedByKey('type') },
  'io.k8s.api.admissionregistration.v1.ValidatingWebhook': webhookLists,
  'io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration': { webhooks: keyed('name') },
  'io.k8s.api.admissionregistration.v1alpha1.MutatingAdmissionPolicySpec': webhookLists,
  'io.k8s.api.admissionregistration.v1beta1.MutatingAdmissionPolicySpec': webhookLists,
  'io.k8s.api.apiserverinternal.v1alpha1.ServerStorageVersion': { decodableVersions: appliedSet, servedVersions: appliedSet },
  'io.k8s.api.apiserverinternal.v1alpha1.StorageVersionStatus': {
    conditions: appliedByKey('type'),
    storageVersions: appliedByKey('apiServerID'),
  },
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus': conditions,
  'io.k8s.api.batch.v1.JobStatus': { conditions: { patchStrategy: 'merge', patchMergeKey: 'type' } },
  'io.k8s.api.batch.v1.PodFailurePolicyOnExitCodesRequirement': { values: appliedSet },
  'io.k8s.api.batch.v1.UncountedTerminatedPods': { failed: appliedSet, succeeded: appliedSet },
  'io.k8s.api.certificates.v1.CertificateSigningRequestStatus': { conditions: appliedByKey('type') },
  'io.k8s.api.certificates.v1alpha1.PodCertificateRequestStatus': { conditions: appliedByKey('type') },
  'io.k8s.api.discovery.v1.Endpoint': { addresses: appliedSet },
  'io.k8s.api.flowcontrol.v1.FlowSchemaStatus': conditions,
  'io.k8s.api.flowcontrol.v1.NonResourcePolicyRule': { nonResourceURLs: appliedSet, verbs: appliedSet },
  'io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationStatus': conditions,
  'io.k8s.api.flowcontrol.v1.ResourcePolicyRule': {
    apiGroups: appliedSet,
    namespaces: appliedSet,
    resources: appliedSet,
    verbs: appliedSet,
  },
  'io.k8s.api.networking.v1.ServiceCIDRStatus': conditions,
  'io.k8s.api.networking.v1beta1.ServiceCIDRStatus': conditions,
  'io.k8s.api.node.v1.Scheduling': { nodeSelector: atomicMap },
  'io.k8s.api.policy.v1.PodDisruptionBudgetSpec': { selector: { patchStrategy: 'replace' } },
  'io.k8s.api.policy.v1.PodDisruptionBudgetStatus': conditions,
  'io.k8s.api.resource.v1.AllocatedDeviceStatus': { conditions: appliedByKey('type') },
  'io.k8s.api.resource.v1.ResourceClaimStatus': claimStatus,
  'io.k8s.api.resource.v1beta1.AllocatedDeviceStatus': { conditions: appliedByKey('type') },
  'io.k8s.api.resource.v1beta1.ResourceClaimStatus': claimStatus,
  'io.k8s.api.resource.v1beta2.AllocatedDeviceStatus': { conditions: appliedByKey('type') },
  'io.k8s.api.resource.v1beta2.ResourceClaimStatus': claimStatus,
  'io.k8s.api.storage.v1.CSIDriverSpec': { volumeLifecycleModes: appliedSet },
  'io.k8s.api.storage.v1.CSINodeSpec': { drivers: keyed('name') },
  'io.k8s.api.storagemigration.v1alpha1.StorageVersionMigrationStatus': conditions,
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus': { conditions: appliedByKey('type') },
  'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceStatus': conditions,
  'dev.flotilla.fleet.v1alpha1.NodeOperationStatus': conditions,
};

const admission = 'MatchResources NamedRuleWithOperations ParamKind ParamRef Variable';

/** Structs that have one owner for all their fields. */
const atomicStructs: ReadonlySet<string> = new Set([
  `${meta}.LabelSelector`,
  `${meta}.OwnerReference`,
  ...['v1', 'v1alpha1', 'v1beta1'].flatMap((version) =>
    admission.split(' ').map((type) => `io.k8s.api.admissionregistration.${version}.${type}`),
  ),
  'io.k8s.api.autoscaling.v1.CrossVersionObjectReference',
  ...`ConfigMapKeySelector EndpointAddress EndpointPort FileKeySelector LocalObjectReference NodeSelector NodeSelectorTerm
    ObjectFieldSelector ObjectReference ResourceFieldSelector ScopeSelector SecretKeySelector SecretReference
    TopologySelectorTerm TypedLocalObjectReference`
    .split(/\s+/)
    .map((type) => `${core}.${type}`),
  'io.k8s.api.discovery.v1.EndpointPort',
  'io.k8s.api.networking.v1.ServiceBackendPort',
  'io.k8s.api.rbac.v1.RoleRef',
  'io.k8s.api.rbac.v1.Subject',
]);

/** What a merge key counts as when an item leaves it out. */
const keyDefaults: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  [`${core}.ContainerPort`]: { protocol: 'TCP' },
  [`${core}.ServicePort`]: { protocol: 'TCP' },
};

const none: MergeRule = {};

/** The rule of one field of a definition; an empty one when it has none. */
export function mergeRule(definition: string, field: string): MergeRule {
  const fields = Object.hasOwn(rules, definition) ? rules[definition] : undefined;
  return fields && Object.hasOwn(fields, field) ? (fields[field] ?? none) : none;
}

export function isAtomicStruct(definition: string): boolean {
  return atomicStructs.has(definition);
}

/** Lists that nobody has to give, and that Go writes all the same: as null where there is none. */
const alwaysWritten: ReadonlySet<string> = new Set([
  'io.k8s.api.discovery.v1.EndpointSlice.ports',
  'io.k8s.api.rbac.v1.ClusterRole.rules',
  'io.k8s.api.rbac.v1.Role.rules',
]);

/** Whether Go tells a field that is an empty list from one that is not there. */
export function isAlwaysWritten(definition: string, field: string): boolean {
  return alwaysWritten.has(`${definition}.${field}`);
}

/** The value that key `field` of an item of type `definition` has when it is left out. */
export function keyDefault(definition: string, field: string): string | undefined {
  return keyDefaults[definition]?.[field];
}

/** Every rule, for tests and documents. */
export function allMergeRules(): { definition: string; field: string; rule: MergeRule }[] {
  return Object.entries(rules).flatMap(([definition, fields]) =>
    Object.entries(fields).map(([field, rule]) => ({ definition, field, rule })),
  );
}

export function allAtomicStructs(): string[] {
  return [...atomicStructs];
}
