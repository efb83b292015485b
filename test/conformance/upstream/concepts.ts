/** A concept of Kubernetes that Flotilla does not have yet, and the conformance tests (by their names) that cannot hold without it. */
export interface Concept {
  readonly name: string;
  readonly tests: RegExp;
}

/** The first that matches a test is the one that is named. */
const missingConcepts: readonly Concept[] = [
  { name: 'custom resources', tests: /CustomResource|\bCRDs?\b|\bCR\b|custom resource/ },
  { name: 'aggregated API servers', tests: /\] Aggregator / },
  { name: 'admission webhooks', tests: /AdmissionWebhook|AggregatedDiscovery|Discovery should locate/ },
  { name: 'ValidatingAdmissionPolicy', tests: /ValidatingAdmissionPolicy/ },
  { name: 'FlowSchema and PriorityLevelConfiguration', tests: /API priority and fairness/ },
  { name: 'ResourceQuota', tests: /ResourceQuota|exceeded quota/ },
  { name: 'LimitRange', tests: /LimitRange/ },
  { name: 'DaemonSet', tests: /Daemon set|ControllerRevision \[Serial/ },
  { name: 'StatefulSet', tests: /StatefulSet/ },
  { name: 'Job and CronJob', tests: /\] (Cron)?Job\b/ },
  { name: 'PodDisruptionBudget', tests: /DisruptionController/ },
  { name: 'CertificateSigningRequest', tests: /Certificates API/ },
  { name: 'the OpenID documents of ServiceAccount tokens', tests: /ServiceAccountIssuerDiscovery/ },
  { name: 'Ingress', tests: /Ingress/ },
  { name: 'names of Services (DNS)', tests: /\] DNS / },
  { name: 'RuntimeClass', tests: /RuntimeClass/ },
  { name: 'PriorityClass and preemption', tests: /SchedulerPreemption/ },
  { name: 'environment variables of Services', tests: /environment variables for services/ },
  {
    name: 'Services on boards (their addresses and names)',
    tests:
      /Guestbook|KubeProxy|Networking Granular Checks|Service endpoints latency|session affinity|serve a basic endpoint|serve multiport endpoints|change the type from|ExternalName to|multiple EndpointSlices|same port and different protocols|functioning NodePort service/,
  },
  { name: 'ServiceCIDR and IPAddress', tests: /ServiceCIDR/ },
  { name: 'probes', tests: /Probing container|liveness/ },
  { name: 'lifecycle hooks', tests: /Lifecycle Hook|PreStop/ },
  { name: 'volumes of storage classes', tests: /\[sig-storage\] (CSI|PersistentVolumes|StorageClasses|VolumeAttachment)/ },
  { name: 'downward API volumes', tests: /\[sig-storage\] (Downward API volume|Projected downwardAPI|Subpath .*downward)/ },
  { name: 'sysctls of pods', tests: /Sysctls/ },
];

export function missingConceptOf(test: string): string | undefined {
  return missingConcepts.find(({ tests }) => tests.test(test))?.name;
}
