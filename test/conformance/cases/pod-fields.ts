import { topic } from '../exchange.ts';

const pod = (spec: object, metadata: object = {}) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', ...metadata }, spec });
const one = (more: object): object => ({ containers: [{ name: 'c', image: 'i', ...more }] });
const volume = (more: object): object => ({
  containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
  volumes: [{ name: 'v', ...more }],
});
const probe = (more: object): object => one({ livenessProbe: more });
const http = { httpGet: { path: '/', port: 80 } };
const env = (more: object): object => one({ env: [more] });
const security = (more: object): object => one({ securityContext: more });
const affinity = (more: object): object => ({ ...one({}), affinity: more });
const term = (more: object): object => ({ podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [more] } });
const nodeTerm = (more: object): object => ({
  nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [more] }] } },
});

/** Specs that are taken or refused, by what is in them. */
const specs: Record<string, object> = {
  nothing: {},
  'no containers': { containers: [] },
  'a container without anything': { containers: [{}] },
  'a container without image': { containers: [{ name: 'c' }] },
  'a container without name': { containers: [{ image: 'i' }] },
  'an image with a space before': { containers: [{ name: 'c', image: ' i' }] },
  'a container named in capitals': { containers: [{ name: 'C', image: 'i' }] },
  'a container named with dots': { containers: [{ name: 'a.b', image: 'i' }] },
  'a container name of 64 characters': { containers: [{ name: 'c'.repeat(64), image: 'i' }] },
  'two containers of one name': {
    containers: [
      { name: 'c', image: 'i' },
      { name: 'c', image: 'i' },
    ],
  },
  'an init container of the same name': { containers: [{ name: 'c', image: 'i' }], initContainers: [{ name: 'c', image: 'i' }] },
  'the least': one({}),
  'the tag latest': { containers: [{ name: 'c', image: 'i:latest' }] },
  'a tag': { containers: [{ name: 'c', image: 'i:1' }] },
  'a digest': { containers: [{ name: 'c', image: `i@sha256:${'a'.repeat(64)}` }] },
  'a pull policy': one({ imagePullPolicy: 'Never' }),
  'a bad pull policy': one({ imagePullPolicy: 'Sometimes' }),
  'a termination message policy': one({ terminationMessagePolicy: 'FallbackToLogsOnError', terminationMessagePath: '/x' }),
  'a bad termination message policy': one({ terminationMessagePolicy: 'x' }),
  'stdin and tty': one({ stdin: true, stdinOnce: true, tty: true }),
  'a working directory': one({ workingDir: '/x', command: ['a'], args: ['b'] }),

  'restart policy Never': { ...one({}), restartPolicy: 'Never' },
  'a bad restart policy': { ...one({}), restartPolicy: 'Perhaps' },
  'a restart policy of a container': one({ restartPolicy: 'Always' }),
  'a sidecar': { ...one({}), initContainers: [{ name: 's', image: 'i', restartPolicy: 'Always', livenessProbe: http }] },
  'an init container with a probe': { ...one({}), initContainers: [{ name: 's', image: 'i', livenessProbe: http }] },
  'an init container with lifecycle': {
    ...one({}),
    initContainers: [{ name: 's', image: 'i', lifecycle: { preStop: { exec: { command: ['x'] } } } }],
  },
  'a DNS policy': { ...one({}), dnsPolicy: 'Default' },
  'a bad DNS policy': { ...one({}), dnsPolicy: 'x' },
  'DNS policy None without servers': { ...one({}), dnsPolicy: 'None' },
  'DNS policy None with servers': {
    ...one({}),
    dnsPolicy: 'None',
    dnsConfig: { nameservers: ['10.0.0.1'], searches: ['a.b'], options: [{ name: 'ndots', value: '1' }] },
  },
  'a bad name server': { ...one({}), dnsConfig: { nameservers: ['x'] } },
  'four name servers': { ...one({}), dnsConfig: { nameservers: ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'] } },
  'a bad search domain': { ...one({}), dnsConfig: { searches: ['a b'] } },
  'a DNS option without name': { ...one({}), dnsConfig: { options: [{ value: 'x' }] } },
  'a grace period': { ...one({}), terminationGracePeriodSeconds: 5 },
  'a grace period of zero': { ...one({}), terminationGracePeriodSeconds: 0 },
  'a negative grace period': { ...one({}), terminationGracePeriodSeconds: -1 },
  'a deadline of zero': { ...one({}), activeDeadlineSeconds: 0 },
  'a deadline': { ...one({}), activeDeadlineSeconds: 10 },
  'a deadline beyond int32': { ...one({}), activeDeadlineSeconds: 2147483648 },
  'a host name': { ...one({}), hostname: 'h', subdomain: 's' },
  'a bad host name': { ...one({}), hostname: 'H_h' },
  'a bad subdomain': { ...one({}), subdomain: '.x' },
  'a name as FQDN': { ...one({}), setHostnameAsFQDN: true },
  'a host alias': { ...one({}), hostAliases: [{ ip: '10.0.0.1', hostnames: ['a.b'] }] },
  'a host alias with a bad address': { ...one({}), hostAliases: [{ ip: 'x', hostnames: ['a'] }] },
  'a host alias with a bad name': { ...one({}), hostAliases: [{ ip: '10.0.0.1', hostnames: ['a_b'] }] },
  'a node name': { ...one({}), nodeName: 'n' },
  'a bad node name': { ...one({}), nodeName: 'N n' },
  'a node selector': { ...one({}), nodeSelector: { a: 'b' } },
  'a bad node selector': { ...one({}), nodeSelector: { 'a b': 'b' } },
  'a bad value of a node selector': { ...one({}), nodeSelector: { a: 'b c' } },
  'a scheduler name': { ...one({}), schedulerName: 'mine' },
  'a service account': { ...one({}), serviceAccountName: 'default' },
  'the old name of the service account': { ...one({}), serviceAccount: 'default' },
  'a service account that is not there': { ...one({}), serviceAccountName: 'none' },
  'a bad service account': { ...one({}), serviceAccountName: 'N n' },
  'no token': { ...one({}), automountServiceAccountToken: false },
  'host namespaces': { ...one({}), hostNetwork: true, hostPID: true, hostIPC: true },
  'a shared process namespace': { ...one({}), shareProcessNamespace: true },
  'a shared and the host process namespace': { ...one({}), shareProcessNamespace: true, hostPID: true },
  'a user namespace': { ...one({}), hostUsers: false },
  'a user namespace with the host network': { ...one({}), hostUsers: false, hostNetwork: true },
  'a pull secret': { ...one({}), imagePullSecrets: [{ name: 'x' }] },
  'a pull secret without name': { ...one({}), imagePullSecrets: [{}] },
  'a priority class of the system': { ...one({}), priorityClassName: 'system-node-critical' },
  'a priority class that is not there': { ...one({}), priorityClassName: 'none' },
  'a priority of its own': { ...one({}), priority: 5 },
  'a priority of zero': { ...one({}), priority: 0 },
  'a preemption policy': { ...one({}), preemptionPolicy: 'Never' },
  'a runtime class that is not there': { ...one({}), runtimeClassName: 'none' },
  'a runtime class with a bad name': { ...one({}), runtimeClassName: 'N n' },
  'a scheduling gate': { ...one({}), schedulingGates: [{ name: 'example.com/g' }] },
  'a scheduling gate twice': { ...one({}), schedulingGates: [{ name: 'g' }, { name: 'g' }] },
  'a bad scheduling gate': { ...one({}), schedulingGates: [{ name: 'g g' }] },
  'a scheduling gate and a node': { ...one({}), nodeName: 'n', schedulingGates: [{ name: 'g' }] },
  'a readiness gate': { ...one({}), readinessGates: [{ conditionType: 'example.com/g' }] },
  'a bad readiness gate': { ...one({}), readinessGates: [{ conditionType: 'g g' }] },
  'an operating system': { ...one({}), os: { name: 'linux' } },
  'a bad operating system': { ...one({}), os: { name: 'plan9' } },
  'Windows with Linux settings': { ...one({}), os: { name: 'windows' }, securityContext: { runAsUser: 1, fsGroup: 2 } },
  overhead: { ...one({}), overhead: { cpu: '1' } },
  'ephemeral containers': { ...one({}), ephemeralContainers: [{ name: 'e', image: 'i' }] },

  'a port': one({ ports: [{ containerPort: 80 }] }),
  'a port of zero': one({ ports: [{ containerPort: 0 }] }),
  'a port of 65536': one({ ports: [{ containerPort: 65536 }] }),
  'no port number': one({ ports: [{ name: 'x' }] }),
  'a port name in capitals': one({ ports: [{ containerPort: 80, name: 'HTTP' }] }),
  'a port name of 16 characters': one({ ports: [{ containerPort: 80, name: 'a'.repeat(16) }] }),
  'a port name without letter': one({ ports: [{ containerPort: 80, name: '80' }] }),
  'a port name with two dashes': one({ ports: [{ containerPort: 80, name: 'a--b' }] }),
  'a port name twice': one({
    ports: [
      { containerPort: 80, name: 'a' },
      { containerPort: 81, name: 'a' },
    ],
  }),
  'a port twice': one({ ports: [{ containerPort: 80 }, { containerPort: 80 }] }),
  'a bad protocol': one({ ports: [{ containerPort: 80, protocol: 'http' }] }),
  SCTP: one({ ports: [{ containerPort: 80, protocol: 'SCTP' }] }),
  'a host port twice': one({
    ports: [
      { containerPort: 80, hostPort: 80 },
      { containerPort: 81, hostPort: 80 },
    ],
  }),
  'a bad host port': one({ ports: [{ containerPort: 80, hostPort: 70000 }] }),
  'a host address': one({ ports: [{ containerPort: 80, hostPort: 80, hostIP: '127.0.0.1' }] }),
  'a bad host address': one({ ports: [{ containerPort: 80, hostPort: 80, hostIP: 'x' }] }),
  'a port on the host network': { ...one({ ports: [{ containerPort: 80 }] }), hostNetwork: true },
  'another host port on the host network': { ...one({ ports: [{ containerPort: 80, hostPort: 81 }] }), hostNetwork: true },

  'a variable': env({ name: 'A', value: '1' }),
  'a variable without name': env({ value: '1' }),
  'a variable with dots and dashes': env({ name: 'a.b-c', value: '1' }),
  'a variable with an equals sign': env({ name: 'a=b', value: '1' }),
  'a variable that begins with a digit': env({ name: '1a' }),
  'a variable with a space': env({ name: 'a b' }),
  'a variable twice': one({
    env: [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ],
  }),
  'a value and a source': env({ name: 'A', value: '1', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }),
  'no source': env({ name: 'A', valueFrom: {} }),
  'two sources': env({ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' }, configMapKeyRef: { name: 'a', key: 'b' } } }),
  'a field that is not served': env({ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.x' } } }),
  'a field without path': env({ name: 'A', valueFrom: { fieldRef: {} } }),
  'a field of another version': env({ name: 'A', valueFrom: { fieldRef: { apiVersion: 'v2', fieldPath: 'metadata.name' } } }),
  'a label by name': env({ name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.labels['a/b']" } } }),
  'a label by a bad name': env({ name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.labels['a b']" } } }),
  'all labels': env({ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } }),
  'a resource of the container': env({ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } }),
  'a resource with a bad divisor': env({ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '3' } } }),
  'a resource that is not known': env({ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.gpu' } } }),
  'a resource without name': env({ name: 'A', valueFrom: { resourceFieldRef: {} } }),
  'a key of a config map': env({ name: 'A', valueFrom: { configMapKeyRef: { name: 'c', key: 'k', optional: true } } }),
  'a key of a config map without name': env({ name: 'A', valueFrom: { configMapKeyRef: { key: 'k' } } }),
  'a config map without key': env({ name: 'A', valueFrom: { configMapKeyRef: { name: 'c' } } }),
  'a bad key of a secret': env({ name: 'A', valueFrom: { secretKeyRef: { name: 'c', key: 'a/b' } } }),
  'variables from a config map': one({ envFrom: [{ prefix: 'P_', configMapRef: { name: 'c' } }] }),
  'variables from nothing': one({ envFrom: [{}] }),
  'variables from both': one({ envFrom: [{ configMapRef: { name: 'c' }, secretRef: { name: 's' } }] }),
  'variables with a bad prefix': one({ envFrom: [{ prefix: 'a=b', configMapRef: { name: 'c' } }] }),
  'variables from a map without name': one({ envFrom: [{ secretRef: {} }] }),

  'limits become requests': one({ resources: { limits: { cpu: '1', memory: '1Gi' } } }),
  'requests above limits': one({ resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }),
  'quantities in other forms': one({
    resources: { limits: { cpu: '0.5', memory: '1024Ki' }, requests: { cpu: '500m', memory: '1048576' } },
  }),
  'a negative quantity': one({ resources: { requests: { cpu: '-1' } } }),
  'less than a millicore': one({ resources: { requests: { cpu: '0.5m' } } }),
  'a fraction of a byte': one({ resources: { requests: { memory: '0.5' } } }),
  'a milli of memory': one({ resources: { requests: { memory: '100m' } } }),
  'a resource of an unknown name': one({ resources: { requests: { gpu: '1' } } }),
  'a resource with a prefix': one({ resources: { limits: { 'example.com/gpu': '1' } } }),
  'a fraction of a resource with a prefix': one({ resources: { limits: { 'example.com/gpu': '1.5' } } }),
  'a resource with a prefix, requested only': one({ resources: { requests: { 'example.com/gpu': '1' } } }),
  'a resource with a prefix, unequal': one({ resources: { limits: { 'example.com/gpu': '2' }, requests: { 'example.com/gpu': '1' } } }),
  'a resource of a bad name': one({ resources: { requests: { 'a b': '1' } } }),
  'a resource with a namespace of Kubernetes': one({ resources: { requests: { 'kubernetes.io/x': '1' } } }),
  'huge pages alone': one({ resources: { limits: { 'hugepages-2Mi': '2Mi' } } }),
  'huge pages with memory': one({ resources: { limits: { 'hugepages-2Mi': '2Mi', memory: '1Gi' } } }),
  'storage that is ephemeral': one({ resources: { limits: { 'ephemeral-storage': '1Gi' } } }),
  'resources of the pod': { ...one({}), resources: { limits: { cpu: '1' } } },
  'a claim': one({ resources: { claims: [{ name: 'x' }] } }),
  'a resize policy': one({ resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }] }),
  'a bad resize policy': one({ resizePolicy: [{ resourceName: 'gpu', restartPolicy: 'x' }] }),

  'a probe': probe(http),
  'a probe without handler': probe({}),
  'a probe with two handlers': probe({ ...http, exec: { command: ['a'] } }),
  'a probe with an empty command': probe({ exec: {} }),
  'a probe without port': probe({ httpGet: { path: '/' } }),
  'a probe at a port by name': probe({ httpGet: { port: 'http' } }),
  'a probe at a port with a bad name': probe({ httpGet: { port: 'HTTP_' } }),
  'a probe at port zero': probe({ tcpSocket: { port: 0 } }),
  'a probe with a bad scheme': probe({ httpGet: { port: 80, scheme: 'ftp' } }),
  'a probe with a bad header': probe({ httpGet: { port: 80, httpHeaders: [{ name: 'a b', value: 'c' }] } }),
  'a probe with negative times': probe({
    ...http,
    periodSeconds: -1,
    timeoutSeconds: -1,
    initialDelaySeconds: -1,
    failureThreshold: -1,
    successThreshold: -1,
  }),
  'a probe with a success threshold': probe({ ...http, successThreshold: 2 }),
  'a readiness probe with a success threshold': one({ readinessProbe: { ...http, successThreshold: 2 } }),
  'a readiness probe with a grace period': one({ readinessProbe: { ...http, terminationGracePeriodSeconds: 5 } }),
  'a startup probe': one({ startupProbe: { tcpSocket: { port: 80 }, terminationGracePeriodSeconds: 5 } }),
  'a probe by gRPC': probe({ grpc: { port: 80 } }),
  'a probe by gRPC at a bad port': probe({ grpc: { port: 0 } }),
  'a lifecycle': one({ lifecycle: { postStart: { exec: { command: ['a'] } }, preStop: { sleep: { seconds: 3 } } } }),
  'a lifecycle without handler': one({ lifecycle: { preStop: {} } }),
  'a sleep that is too long': one({ lifecycle: { preStop: { sleep: { seconds: 99 } } } }),
  'a stop signal without system': one({ lifecycle: { stopSignal: 'SIGUSR1' } }),

  'an empty directory': volume({ emptyDir: {} }),
  'a volume without source': volume({}),
  'a volume with two sources': volume({ emptyDir: {}, hostPath: { path: '/x' } }),
  'a volume that is not mounted': { ...one({}), volumes: [{ name: 'v', emptyDir: {} }] },
  'a volume without name': { ...one({}), volumes: [{ emptyDir: {} }] },
  'a volume of a bad name': { ...one({}), volumes: [{ name: 'V_v', emptyDir: {} }] },
  'a volume twice': {
    ...one({}),
    volumes: [
      { name: 'v', emptyDir: {} },
      { name: 'v', emptyDir: {} },
    ],
  },
  'a mount of nothing': one({ volumeMounts: [{ name: 'x', mountPath: '/x' }] }),
  'a mount without path': { ...one({ volumeMounts: [{ name: 'v' }] }), volumes: [{ name: 'v', emptyDir: {} }] },
  'a mount without name': one({ volumeMounts: [{ mountPath: '/x' }] }),
  'two mounts at one path': {
    ...one({
      volumeMounts: [
        { name: 'v', mountPath: '/x' },
        { name: 'v', mountPath: '/x' },
      ],
    }),
    volumes: [{ name: 'v', emptyDir: {} }],
  },
  'a sub-path that goes up': {
    ...one({ volumeMounts: [{ name: 'v', mountPath: '/x', subPath: '../y' }] }),
    volumes: [{ name: 'v', emptyDir: {} }],
  },
  'a sub-path from the root': {
    ...one({ volumeMounts: [{ name: 'v', mountPath: '/x', subPath: '/y' }] }),
    volumes: [{ name: 'v', emptyDir: {} }],
  },
  'two sub-paths': {
    ...one({ volumeMounts: [{ name: 'v', mountPath: '/x', subPath: 'a', subPathExpr: 'b' }] }),
    volumes: [{ name: 'v', emptyDir: {} }],
  },
  'a bad propagation': {
    ...one({ volumeMounts: [{ name: 'v', mountPath: '/x', mountPropagation: 'x' }] }),
    volumes: [{ name: 'v', emptyDir: {} }],
  },
  'a propagation that needs privileges': {
    ...one({ volumeMounts: [{ name: 'v', mountPath: '/x', mountPropagation: 'Bidirectional' }] }),
    volumes: [{ name: 'v', emptyDir: {} }],
  },
  'recursively read only without read only': {
    ...one({ volumeMounts: [{ name: 'v', mountPath: '/x', recursiveReadOnly: 'Enabled' }] }),
    volumes: [{ name: 'v', emptyDir: {} }],
  },
  'an empty directory in memory': volume({ emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }),
  'an empty directory of negative size': volume({ emptyDir: { sizeLimit: '-1' } }),
  'an empty directory in a bad medium': volume({ emptyDir: { medium: 'x' } }),
  'a host path': volume({ hostPath: { path: '/x' } }),
  'a host path of a type': volume({ hostPath: { path: '/x', type: 'DirectoryOrCreate' } }),
  'a host path of a bad type': volume({ hostPath: { path: '/x', type: 'x' } }),
  'a host path without path': volume({ hostPath: {} }),
  'a host path that goes up': volume({ hostPath: { path: '/a/../b' } }),
  'a config map': volume({ configMap: { name: 'c', items: [{ key: 'k', path: 'p', mode: 256 }], defaultMode: 511 } }),
  'a config map without name': volume({ configMap: {} }),
  'a config map with a bad mode': volume({ configMap: { name: 'c', defaultMode: 512 } }),
  'an item without path': volume({ configMap: { name: 'c', items: [{ key: 'k' }] } }),
  'an item without key': volume({ configMap: { name: 'c', items: [{ path: 'k' }] } }),
  'an item that goes up': volume({ configMap: { name: 'c', items: [{ key: 'k', path: '../k' }] } }),
  'an item from the root': volume({ configMap: { name: 'c', items: [{ key: 'k', path: '/k' }] } }),
  'an item with two dots': volume({ configMap: { name: 'c', items: [{ key: 'k', path: '..k' }] } }),
  'a secret': volume({ secret: { secretName: 's', optional: true } }),
  'a secret without name': volume({ secret: {} }),
  'the downward API': volume({ downwardAPI: { items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels' } }] } }),
  'the downward API with a bad field': volume({ downwardAPI: { items: [{ path: 'l', fieldRef: { fieldPath: 'status.podIP' } }] } }),
  'the downward API without field': volume({ downwardAPI: { items: [{ path: 'l' }] } }),
  'the downward API with a resource without container': volume({
    downwardAPI: { items: [{ path: 'l', resourceFieldRef: { resource: 'limits.cpu' } }] },
  }),
  projected: volume({
    projected: { sources: [{ configMap: { name: 'c' } }, { secret: { name: 's' } }, { serviceAccountToken: { path: 't' } }] },
  }),
  'projected without path': volume({ projected: { sources: [{ serviceAccountToken: {} }] } }),
  'projected with a short token': volume({ projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 599 } }] } }),
  'projected with two in one': volume({ projected: { sources: [{ configMap: { name: 'c' }, secret: { name: 's' } }] } }),
  'projected with two at one path': volume({
    projected: {
      sources: [
        { configMap: { name: 'c', items: [{ key: 'a', path: 'x' }] } },
        { secret: { name: 's', items: [{ key: 'a', path: 'x' }] } },
      ],
    },
  }),
  'a claim of a volume': volume({ persistentVolumeClaim: { claimName: 'c' } }),
  'a claim of a volume without name': volume({ persistentVolumeClaim: {} }),
  NFS: volume({ nfs: { server: 's', path: '/p' } }),
  'NFS without server': volume({ nfs: { path: 'p' } }),

  privileged: security({ privileged: true }),
  'privileged without escalation': security({ privileged: true, allowPrivilegeEscalation: false }),
  'an added capability without escalation': security({ allowPrivilegeEscalation: false, capabilities: { add: ['CAP_SYS_ADMIN'] } }),
  'a negative user': security({ runAsUser: -1 }),
  'a user beyond int32': security({ runAsUser: 2147483648 }),
  'a negative group': security({ runAsGroup: -1 }),
  'not root as root': security({ runAsNonRoot: true, runAsUser: 0 }),
  'a proc mount': security({ procMount: 'Unmasked' }),
  'a bad proc mount': security({ procMount: 'x' }),
  'a seccomp profile': security({ seccompProfile: { type: 'RuntimeDefault' } }),
  'a bad seccomp profile': security({ seccompProfile: { type: 'x' } }),
  'a local seccomp profile without name': security({ seccompProfile: { type: 'Localhost' } }),
  'a seccomp profile with a name too many': security({ seccompProfile: { type: 'Unconfined', localhostProfile: 'x' } }),
  'an AppArmor profile': security({ appArmorProfile: { type: 'Unconfined' } }),
  'a bad AppArmor profile': security({ appArmorProfile: { type: 'x' } }),
  'Windows options': security({ windowsOptions: { runAsUserName: 'x' } }),
  'groups of the pod': { ...one({}), securityContext: { supplementalGroups: [1, 2], fsGroup: 3, fsGroupChangePolicy: 'OnRootMismatch' } },
  'a negative group of the pod': { ...one({}), securityContext: { supplementalGroups: [-1], fsGroup: -3 } },
  'a bad change policy': { ...one({}), securityContext: { fsGroupChangePolicy: 'x' } },
  'a system setting': { ...one({}), securityContext: { sysctls: [{ name: 'net.ipv4.ip_forward', value: '1' }] } },
  'a bad system setting': { ...one({}), securityContext: { sysctls: [{ name: 'a b', value: '1' }] } },
  'a system setting twice': {
    ...one({}),
    securityContext: {
      sysctls: [
        { name: 'a', value: '1' },
        { name: 'a', value: '1' },
      ],
    },
  },
  'a system setting without name': { ...one({}), securityContext: { sysctls: [{ value: '1' }] } },
  'a policy of groups': { ...one({}), securityContext: { supplementalGroupsPolicy: 'x' } },

  'a toleration': { ...one({}), tolerations: [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoSchedule' }] },
  'a toleration of everything': { ...one({}), tolerations: [{ operator: 'Exists' }] },
  'a toleration with seconds': { ...one({}), tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }] },
  'a toleration with seconds and another effect': {
    ...one({}),
    tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 5 }],
  },
  'a toleration without key': { ...one({}), tolerations: [{ value: 'x' }] },
  'a toleration that exists with a value': { ...one({}), tolerations: [{ key: 'k', operator: 'Exists', value: 'x' }] },
  'a toleration of a bad operator': { ...one({}), tolerations: [{ key: 'k', operator: 'x' }] },
  'a toleration of a bad effect': { ...one({}), tolerations: [{ key: 'k', operator: 'Exists', effect: 'x' }] },
  'a toleration of a bad key': { ...one({}), tolerations: [{ key: 'a b', operator: 'Exists' }] },
  'a toleration of a bad value': { ...one({}), tolerations: [{ key: 'k', value: 'a b' }] },
  'affinity to nodes': affinity(nodeTerm({ key: 'a', operator: 'In', values: ['b'] })),
  'affinity to nodes without values': affinity(nodeTerm({ key: 'a', operator: 'In' })),
  'affinity to nodes that exist with values': affinity(nodeTerm({ key: 'a', operator: 'Exists', values: ['b'] })),
  'affinity to nodes by greater': affinity(nodeTerm({ key: 'a', operator: 'Gt', values: ['1', '2'] })),
  'affinity to nodes by greater than a word': affinity(nodeTerm({ key: 'a', operator: 'Gt', values: ['x'] })),
  'affinity to nodes by a bad operator': affinity(nodeTerm({ key: 'a', operator: 'x' })),
  'affinity to nodes by a bad key': affinity(nodeTerm({ key: 'a b', operator: 'Exists' })),
  'affinity to nodes without terms': affinity({
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
  }),
  'affinity to nodes by field': affinity({
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] }],
      },
    },
  }),
  'affinity to nodes by another field': affinity({
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.uid', operator: 'In', values: ['n'] }] }],
      },
    },
  }),
  'a weight of zero': affinity({ nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, preference: {} }] } }),
  'a weight of 101': affinity({
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 101, preference: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } },
      ],
    },
  }),
  'affinity to pods': affinity(term({ topologyKey: 'zone', labelSelector: { matchLabels: { a: 'b' } } })),
  'affinity to pods without topology': affinity(term({ labelSelector: { matchLabels: { a: 'b' } } })),
  'affinity to pods with a bad topology': affinity(term({ topologyKey: 'a b', labelSelector: {} })),
  'affinity to pods with a bad selector': affinity(
    term({ topologyKey: 'a', labelSelector: { matchExpressions: [{ key: 'a', operator: 'x' }] } }),
  ),
  'affinity to pods with a bad namespace': affinity(term({ topologyKey: 'a', labelSelector: {}, namespaces: ['N n'] })),
  'affinity to pods by keys': affinity(term({ topologyKey: 'a', labelSelector: { matchLabels: { a: 'b' } }, matchLabelKeys: ['c'] })),
  'affinity to pods by keys without selector': affinity(term({ topologyKey: 'a', matchLabelKeys: ['c'] })),
  'aversion to pods': affinity({
    podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: { topologyKey: 'a' } }] },
  }),
  'a spread': {
    ...one({}),
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { a: 'b' } } },
    ],
  },
  'a spread without anything': { ...one({}), topologySpreadConstraints: [{}] },
  'a spread twice': {
    ...one({}),
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' },
      { maxSkew: 2, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' },
    ],
  },
  'a spread with domains': {
    ...one({}),
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', minDomains: 2 }],
  },
  'a spread with a bad policy': {
    ...one({}),
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'x', nodeAffinityPolicy: 'y' }],
  },
  'many faults at once': {
    containers: [{ name: 'A', image: '', imagePullPolicy: 'x', ports: [{ containerPort: 0 }] }],
    restartPolicy: 'y',
    dnsPolicy: 'z',
    nodeName: 'N n',
  },
};

const quality: Record<string, object> = {
  'best effort': one({}),
  guaranteed: one({ resources: { limits: { cpu: '1', memory: '1Gi' } } }),
  burstable: one({ resources: { requests: { cpu: '1' } } }),
};

export const podFields = topic('pod-fields', (t) => {
  const all = t.path('pods');
  for (const [name, spec] of Object.entries(specs)) t.post(`spec: ${name}`, `${all}?dryRun=All`, pod(spec));
  for (const [name, spec] of Object.entries(quality)) t.post(`quality: ${name}`, `${all}?dryRun=All`, pod(spec));
  t.post('a status is dropped', `${all}?dryRun=All`, { ...pod(one({})), status: { phase: 'Running', podIP: '10.0.0.1' } });
  t.post('no spec', `${all}?dryRun=All`, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } });
  t.post('a bad name', `${all}?dryRun=All`, pod(one({}), { name: 'P' }));
  t.post('a long name', `${all}?dryRun=All`, pod(one({}), { name: 'p'.repeat(70) }));
  t.post('a name that is generated', `${all}?dryRun=All`, pod(one({}), { name: undefined, generateName: 'gen-' }));
  t.post('a mirror', `${all}?dryRun=All`, pod(one({}), { annotations: { 'kubernetes.io/config.mirror': 'x' } }));
  t.post(
    'an AppArmor annotation',
    `${all}?dryRun=All`,
    pod(one({}), { annotations: { 'container.apparmor.security.beta.kubernetes.io/c': 'unconfined' } }),
  );
  t.post(
    'a seccomp annotation',
    `${all}?dryRun=All`,
    pod(one({}), { annotations: { 'seccomp.security.alpha.kubernetes.io/pod': 'runtime/default' } }),
  );
});
