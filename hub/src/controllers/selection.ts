/** Names that kube-controller-manager knows from before its controllers ended in `-controller`. */
const formerNames: Readonly<Record<string, string>> = {
  'clusterrole-aggregation': 'clusterrole-aggregation-controller',
  deployment: 'deployment-controller',
  endpoint: 'endpoints-controller',
  endpointslice: 'endpointslice-controller',
  endpointslicemirroring: 'endpointslice-mirroring-controller',
  garbagecollector: 'garbage-collector-controller',
  namespace: 'namespace-controller',
  nodeipam: 'node-ipam-controller',
  nodelifecycle: 'node-lifecycle-controller',
  podgc: 'pod-garbage-collector-controller',
  replicaset: 'replicaset-controller',
  replicationcontroller: 'replicationcontroller-controller',
  'root-ca-cert-publisher': 'root-ca-certificate-publisher-controller',
  serviceaccount: 'serviceaccount-controller',
};

/**
 * Which controllers run, in the syntax of kube-controller-manager's --controllers: `name` switches one on, `-name` off, `*` all the
 * others on; `-*` is nothing but the names. @throws Error on a name that no controller has
 */
export function selectControllers(selection: readonly string[], known: readonly string[]): ReadonlySet<string> {
  const [on, off] = [new Set<string>(), new Set<string>()];
  for (const entry of selection) {
    if (entry === '*' || entry === '-*') continue;
    const plain = entry.replace(/^-/, '');
    const name = formerNames[plain] ?? plain;
    if (!known.includes(name)) throw new Error(`${JSON.stringify(plain)} is not in the list of known controllers`);
    (entry === plain ? on : off).add(name);
  }
  const others = selection.includes('*');
  return new Set(known.filter((name) => on.has(name) || (others && !off.has(name))));
}
