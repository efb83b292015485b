/** One command of kubectl. Those of a suite run in order, in an empty folder of their own. */
export interface Command {
  /** The words after `kubectl`, a blank between them. */
  readonly run: string;
  /** More words, which may hold blanks. */
  readonly args?: readonly string[];
  readonly input?: string;
  /** A command line that stands for the editor. */
  readonly editor?: string;
}

/** What the folder holds at the beginning. */
export const files: Readonly<Record<string, string>> = {
  'kustomized/kustomization.yaml': 'namespace: kubectl\nnamePrefix: k-\nresources: [map.yaml]\nlabels:\n- pairs: {by: kustomize}\n',
  'kustomized/map.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kustomized}\ndata: {a: b}\n',
};

const yaml = (object: object): string => JSON.stringify(object);
const ns = 'kubectl';
const container = { name: 'c', image: 'example.com/c:1' };
const deployment = (image: string, replicas = 2): string =>
  yaml({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: ns, labels: { app: 'web' } },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ ...container, image, env: [{ name: 'A', value: 'b' }] }] } },
    },
  });
const pod = yaml({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: ns, labels: { app: 'p' }, annotations: { note: 'a pod' } },
  spec: {
    containers: [
      {
        ...container,
        ports: [{ containerPort: 80, name: 'http' }],
        resources: { requests: { cpu: '100m' }, limits: { memory: '64Mi' } },
        envFrom: [{ configMapRef: { name: 'm' } }],
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
      },
    ],
    initContainers: [{ name: 'i', image: 'example.com/i:1', command: ['true'] }],
    volumes: [{ name: 'v', emptyDir: {} }],
    tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }],
    automountServiceAccountToken: false,
  },
});
const node = yaml({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'board', labels: { 'kubernetes.io/hostname': 'board' } },
  spec: { podCIDR: '10.1.0.0/26' },
  status: {
    capacity: { cpu: '4', memory: '1Gi', pods: '20' },
    allocatable: { cpu: '3500m', memory: '900Mi', pods: '20' },
    addresses: [{ type: 'InternalIP', address: '10.9.0.1' }],
    nodeInfo: {
      kubeletVersion: 'v1.34.0',
      osImage: 'an image',
      kernelVersion: '6.1',
      containerRuntimeVersion: 'podman://4.3.1',
      architecture: 'arm64',
      operatingSystem: 'linux',
      machineID: '',
      systemUUID: '',
      bootID: '',
      kubeProxyVersion: '',
    },
  },
});
const map = (data: object): string => yaml({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied', namespace: ns }, data });
const status = (type: string, value: string): string =>
  yaml({
    status: { phase: 'Running', conditions: [{ type, status: value, lastTransitionTime: '2026-01-02T03:04:05Z', lastProbeTime: null }] },
  });

const all = (...lines: (string | Command)[]): Command[] => lines.map((line) => (typeof line === 'string' ? { run: line } : line));
const given = (run: string, input: string): Command => ({ run, input });

export const commands: readonly Command[] = all(
  // What there is.
  'cluster-info',
  'api-resources --api-group=coordination.k8s.io -o wide',
  'auth whoami --as=jane --as-group=dev -o yaml',
  'auth can-i create pods',
  'explain pod.spec.containers.ports',
  'explain deployments.spec.strategy --recursive',
  'explain pod.spec.nothing',
  // Generators.
  `create namespace ${ns}`,
  `create namespace ${ns}`,
  `create serviceaccount default -n ${ns}`,
  `create serviceaccount robot -n ${ns} -o yaml`,
  `create configmap m -n ${ns} --from-literal=a=b --from-literal=c=d -o yaml`,
  `create configmap tried -n ${ns} --from-literal=a=b --dry-run=server -o yaml`,
  `create secret generic s -n ${ns} --from-literal=password=secret -o yaml`,
  `create secret docker-registry r -n ${ns} --docker-server=example.com --docker-username=u --docker-password=p`,
  `create role reader -n ${ns} --verb=get,list --resource=pods,deployments.apps -o yaml`,
  `create rolebinding readers -n ${ns} --role=reader --user=jane --serviceaccount=${ns}:robot -o yaml`,
  `auth can-i list pods -n ${ns} --as=jane`,
  `auth can-i delete pods -n ${ns} --as=jane`,
  `auth can-i --list -n ${ns} --as=system:serviceaccount:${ns}:robot`,
  `create deployment made -n ${ns} --image=example.com/x:1 --replicas=0 --port=80 -o yaml`,
  `create token robot -n ${ns} --duration=5s`,
  given('create -f -', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"A b"}}'),
  given('create -f -', '{"apiVersion":"v1","kind":"Nothing","metadata":{"name":"a"}}'),
  given('create -f -', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"datum":{}}'),
  given('create -f - --validate=ignore', `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"lax","namespace":"${ns}"},"datum":{}}`),
  given('create -f -', node),
  given('create -f -', pod),
  // Get, in every form.
  `get pods -n ${ns}`,
  `get pod p -n ${ns} -o wide`,
  `get pod p -n ${ns} -o yaml`,
  `get pod p -n ${ns} -o json`,
  `get pod p -n ${ns} -o jsonpath={.spec.containers[*].name}`,
  `get pods -n ${ns} -o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[*].image`,
  `get pods -n ${ns} --show-labels`,
  `get pods,configmaps,sa -n ${ns}`,
  `get configmaps -n ${ns} --chunk-size=1`,
  `get configmaps -n ${ns} --field-selector=metadata.name=m`,
  `get pods -n ${ns} --field-selector=status.phase=Failed`,
  `get pods -n ${ns} --field-selector=spec.nothing=1`,
  `get pods -n ${ns} -l a^b`,
  `get configmap m -n ${ns} -o yaml --show-managed-fields`,
  'get --raw /readyz',
  `get --raw /api/v1/namespaces/${ns}/configmaps/none`,
  'get nodes -o wide',
  `get roles,rolebindings -n ${ns}`,
  `get pod none -n ${ns}`,
  `get pod none -n ${ns} --ignore-not-found`,
  // Describe.
  `describe pod p -n ${ns}`,
  `describe configmap m -n ${ns}`,
  `describe secret s -n ${ns}`,
  `describe serviceaccount robot -n ${ns}`,
  `describe role reader -n ${ns}`,
  `describe rolebinding readers -n ${ns}`,
  `describe deployment made -n ${ns}`,
  // Apply, diff and replace.
  given('apply -f -', map({ a: '1' })),
  given('apply -f -', map({ a: '1' })),
  given('diff -f -', map({ a: '2', b: '3' })),
  given('apply -f - --dry-run=server -o yaml', map({ a: '2', b: '3' })),
  given('apply -f -', map({ b: '3' })),
  `get configmap applied -n ${ns} -o yaml`,
  `apply view-last-applied configmap/applied -n ${ns}`,
  given('apply --server-side -f -', map({ b: '3', c: '4' })),
  given('apply --server-side --field-manager=other -f -', map({ c: '5' })),
  given('apply --server-side --field-manager=other --force-conflicts -f - -o yaml --show-managed-fields', map({ c: '5' })),
  given('diff --server-side --field-manager=other -f -', map({ c: '6' })),
  given('apply -f -', deployment('example.com/web:1')),
  given('apply -f -', deployment('example.com/web:2', 3)),
  given('apply -f -', deployment('')),
  given('replace -f -', map({ z: '1' })),
  given('replace --force -f -', map({ key: '1' })),
  given('replace -f -', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"none","namespace":"kubectl"}}'),
  'apply -k kustomized',
  'delete -k kustomized',
  // Change.
  { run: `edit configmap applied -n ${ns}`, editor: 'sed -i s/key:/changed:/' },
  { run: `edit configmap applied -n ${ns}`, editor: 'true' },
  { run: `patch configmap applied -n ${ns} -p`, args: ['{"data":{"p":"1"}}'] },
  { run: `patch configmap applied -n ${ns} --type=merge -p`, args: ['{"data":{"p":null,"q":"2"}}'] },
  { run: `patch configmap applied -n ${ns} --type=json -p`, args: ['[{"op":"remove","path":"/data/q"}]'] },
  { run: `patch configmap applied -n ${ns} --type=json -p`, args: ['[{"op":"remove","path":"/data/none"}]'] },
  {
    run: `patch deployment web -n ${ns} -p`,
    args: ['{"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"B","value":"c"}]}]}}}}'],
  },
  `get deployment web -n ${ns} -o jsonpath={.spec.template.spec.containers[0].env}`,
  { run: `patch pod p -n ${ns} --subresource=status --type=merge -p`, args: [status('Ready', 'True')] },
  `wait pod/p -n ${ns} --for=condition=Ready --timeout=60s`,
  `wait pod/p -n ${ns} --for=jsonpath={.status.phase}=Running --timeout=60s`,
  `wait pod/none -n ${ns} --for=condition=Ready --timeout=60s`,
  `get pod p -n ${ns}`,
  `label pod p -n ${ns} tier=back`,
  `label pod p -n ${ns} tier=front`,
  `label pod p -n ${ns} tier=front --overwrite`,
  `label pod p -n ${ns} tier-`,
  { run: `label pod p -n ${ns}`, args: ['a b=c'] },
  { run: `annotate pod p -n ${ns}`, args: ['text=two words'] },
  `set image deployment/web -n ${ns} c=example.com/web:3`,
  `set env deployment/web -n ${ns} X=y`,
  `set image pod/p -n ${ns} c=example.com/c:2`,
  `scale deployment web -n ${ns} --replicas=5`,
  `scale deployment web -n ${ns} --replicas=6 --current-replicas=1`,
  `rollout status deployment/web -n ${ns} --watch=false`,
  `rollout history deployment/web -n ${ns}`,
  `rollout undo deployment/web -n ${ns}`,
  `rollout pause deployment/web -n ${ns}`,
  `rollout pause deployment/web -n ${ns}`,
  `rollout restart deployment/web -n ${ns}`,
  `rollout resume deployment/web -n ${ns}`,
  'cordon board',
  'uncordon board',
  'taint nodes board k=v:NoSchedule',
  'taint nodes board k-',
  // Events.
  `events -n ${ns}`,
  `get events -n ${ns}`,
  // Delete.
  `delete configmap none -n ${ns}`,
  `delete configmap lax -n ${ns} --dry-run=server`,
  `delete configmap lax m -n ${ns}`,
  `delete pod p -n ${ns} --grace-period=0 --force`,
  `delete deployment web -n ${ns} --cascade=orphan --wait=false`,
  `delete deployment made -n ${ns} --cascade=background`,
  { run: `patch configmap applied -n ${ns} --type=merge -p`, args: ['{"metadata":{"finalizers":["example.com/held"]}}'] },
  `delete configmap applied -n ${ns} --wait=false`,
  `get configmap applied -n ${ns} -o jsonpath={.metadata.finalizers}`,
  { run: `patch configmap applied -n ${ns} --type=merge -p`, args: ['{"metadata":{"finalizers":null}}'] },
  `wait configmap/applied -n ${ns} --for=delete --timeout=60s`,
  `delete secrets -n ${ns} --all`,
  `delete role,rolebinding -n ${ns} --all`,
  'delete node board',
);
