/** Which folder may import which (hub/docs, shared/docs/adr/001). The first rule whose prefix fits a file holds; longest prefixes first. */
export interface ImportRule {
  /** A file or folder, from the root. */
  readonly from: string;
  /** Folders and files it may import beside its own folder. */
  readonly may: readonly string[];
  /** Said when it imports something else. */
  readonly why: string;
}

const contracts = ['hub/src/store/contract.ts', 'hub/src/store/cache.ts', 'hub/src/registry/generic/types.ts'];
const pureShared = ['shared/src/meta', 'shared/src/quantity', 'shared/src/api', 'shared/src/errors'];
const agentOrder = [
  'config',
  'hublink',
  'spec',
  'runtime',
  'images',
  'budget',
  'volumes',
  'network',
  'devices',
  'leases',
  'pods',
  'node',
  'status',
  'operations',
  'streams',
  'update',
  'local',
  'first-boot',
];
const agentFolders: ImportRule[] = agentOrder.map((folder, index) => ({
  from: `agent/src/${folder}`,
  may: ['shared/src', ...agentOrder.slice(0, index).map((earlier) => `agent/src/${earlier}`)],
  why: `a folder of the agent imports only those named before it: ${agentOrder.join(', ')}`,
}));

export const importRules: readonly ImportRule[] = [
  ...['meta', 'quantity', 'api', 'errors'].map((folder) => ({
    from: `shared/src/${folder}`,
    may: pureShared,
    why: 'the dashboard uses these folders in a browser: they import each other and nothing of Node',
  })),
  {
    from: 'shared/src/protocol',
    may: [...pureShared, 'shared/src/clock', 'shared/src/platform/random.ts'],
    why: 'the contract between hub and board stands on data types alone',
  },
  { from: 'shared/setup', may: [], why: 'the bootstrap stands on Node alone' },
  { from: 'shared/src', may: ['shared/src'], why: 'shared imports nobody' },
  { from: 'firmware-images/src', may: ['shared/src'], why: 'firmware-images stands on shared alone' },
  { from: 'hub/src/store', may: ['shared/src', 'hub/src/registry/decode'], why: 'the store knows keys and values, not kinds' },
  { from: 'hub/src/patch', may: ['shared/src'], why: 'patches are pure functions' },
  {
    from: 'hub/src/registry',
    may: ['shared/src', 'hub/src/store', 'hub/src/patch', 'hub/src/registry'],
    why: 'the registry declares the ports (Admission, NodeConnector) that others implement',
  },
  { from: 'hub/src/client', may: ['shared/src', 'hub/src/registry', ...contracts], why: 'the client speaks to the registry' },
  {
    from: 'hub/src/auth',
    may: ['shared/src', 'hub/src/client', 'hub/src/auth', ...contracts],
    why: 'identity is looked up through the client',
  },
  {
    from: 'hub/src/admission',
    may: ['shared/src', 'hub/src/client', 'hub/src/auth', 'hub/src/registry/validation', ...contracts],
    why: 'admission implements a port of the registry',
  },
  {
    from: 'hub/src/apiserver',
    may: [
      'shared/src',
      'hub/src/apiserver',
      'hub/src/registry',
      'hub/src/client',
      'hub/src/auth',
      'hub/src/patch',
      'hub/src/telemetry',
      ...contracts,
    ],
    why: 'HTTP only',
  },
  {
    from: 'hub/src/controllers',
    may: [
      'shared/src',
      'hub/src/client',
      'hub/src/controllers/controller.ts',
      'hub/src/controllers/ownership.ts',
      'hub/src/controllers/pod-condition.ts',
      'hub/src/controllers/pod-state.ts',
      'hub/src/controllers/service-pods.ts',
      ...contracts,
    ],
    why: 'a controller sees the world through the client',
  },
  {
    from: 'hub/src/scheduler',
    may: ['shared/src', 'hub/src/client', 'hub/src/scheduler', ...contracts],
    why: 'the scheduler sees the world through the client',
  },
  { from: 'hub/src/broker', may: ['shared/src', 'hub/src/auth', 'hub/src/broker'], why: 'the broker moves bytes and ids' },
  {
    from: 'hub/src/nodesync',
    may: ['shared/src', 'hub/src/client', 'hub/src/auth', 'hub/src/broker/types.ts', ...contracts],
    why: 'nodesync knows the broker as a port',
  },
  {
    from: 'hub/src/recovery',
    may: ['shared/src', 'hub/src/client', 'hub/src/auth', ...contracts],
    why: 'recovery writes through the registry what the boards gave back',
  },
  { from: 'hub/src/telemetry', may: ['shared/src'], why: 'everybody reports to telemetry, it asks nobody' },
  { from: 'hub/src/cmd', may: ['shared/src', 'hub/src', 'firmware-images/src'], why: 'the command line composes the hub' },
  { from: 'hub/src', may: ['shared/src', 'hub/src'], why: 'hub and agent never import each other' },
  ...agentFolders,
  { from: 'agent/src', may: ['shared/src', 'agent/src'], why: 'hub and agent never import each other' },
  {
    from: 'test',
    may: ['shared/src', 'hub/src', 'agent/src', 'firmware-images/src', 'test', 'shared/setup', 'vitest.config.ts'],
    why: 'tests see all',
  },
];

/** npm packages that only one place may import. */
export const packageOwners: Readonly<Record<string, readonly string[]>> = {
  aedes: ['hub/src/broker/embedded'],
  mqtt: ['agent/src/hublink', 'hub/src/broker/external'],
  etcd3: ['hub/src/store/etcd'],
  systeminformation: ['agent/src/node'],
  'node-pty': ['agent/src/streams'],
  commander: ['hub/src/cmd'],
  '@kubernetes/client-node': ['test'],
};

/** Node's own modules that reach the machine, and what the doors are called. */
export const doorModules = new Set([
  'fs',
  'fs/promises',
  'child_process',
  'net',
  'tls',
  'http',
  'https',
  'http2',
  'dgram',
  'dns',
  'worker_threads',
  'sqlite',
  'timers',
  'timers/promises',
  'perf_hooks',
]);

export const forbiddenGlobals: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  { pattern: /\bDate\.now\b/, instead: 'Clock.wallMs()' },
  { pattern: /\bnew Date\(\s*\)/, instead: 'Clock.wallMs()' },
  { pattern: /(?<![.\w])(?:setTimeout|setInterval)\b\s*\(/, instead: 'Clock.after()' },
  { pattern: /\bMath\.random\b/, instead: 'Random.next()' },
  { pattern: /(?<!\.)\brandom(?:UUID|Bytes|Int)\b/, instead: 'Random' },
  { pattern: /\bperformance\.now\b/, instead: 'Clock.monotonicMs()' },
  { pattern: /\bprocess\.hrtime\b/, instead: 'Clock.monotonicMs()' },
];

/** Where the doors are made; everybody else is handed them. */
export const doorFolders: readonly string[] = [
  'shared/src/clock',
  'shared/src/platform',
  'shared/setup',
  'hub/src/store/sqlite',
  'hub/src/store/etcd',
  'hub/src/broker/embedded',
  'hub/src/broker/external',
  'hub/src/apiserver/server',
  'hub/src/cmd',
  'agent/src/runtime/podman',
  'agent/src/hublink/mqtt',
  'agent/src/hublink/https',
  'agent/src/streams/pty',
  'agent/src/cmd',
  'test',
];
