import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { WorkQueueMetrics } from '@flotilla/shared/workqueue/work-queue.js';
import { controllerUser, createClient } from '#client/client.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import type { Informers } from '#client/informers.ts';
import type { Registry } from '#registry/generic/types.ts';
import { createClusterRoleAggregationController } from './cluster-role-aggregation/cluster-role-aggregation-controller.ts';
import { type Controller, type ControllerEnv, runController } from './controller.ts';
import { createDeploymentController } from './deployment/deployment-controller.ts';
import { createEndpointSliceController } from './endpoint-slice/endpoint-slice-controller.ts';
import { createEndpointSliceMirroringController } from './endpoint-slice/endpoint-slice-mirroring-controller.ts';
import { createEndpointsController } from './endpoints/endpoints-controller.ts';
import { createGarbageCollector } from './garbage-collector/garbage-collector.ts';
import { createNamespaceController } from './namespace/namespace-controller.ts';
import { createNodeIpamController, type NodeIpamOptions } from './node-ipam/node-ipam-controller.ts';
import type { NodeLiveness } from './node-lifecycle/liveness.ts';
import { createNodeLifecycleController } from './node-lifecycle/node-lifecycle-controller.ts';
import { createNodeOperationController } from './node-operation/node-operation-controller.ts';
import { createPodGcController } from './pod-gc/pod-gc-controller.ts';
import { createReplicaSetController } from './replicaset/replicaset-controller.ts';
import { createReplicationController } from './replicaset/replication-controller.ts';
import { createRootCaController } from './root-ca/root-ca-controller.ts';
import { selectControllers } from './selection.ts';
import { createServiceAccountController } from './serviceaccount/service-account-controller.ts';
import type { LeaseLedger } from './taint-eviction/lease-ledger.ts';
import { createTaintEvictionController } from './taint-eviction/taint-eviction-controller.ts';

export interface ControllersOptions {
  readonly registry: Registry;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The CA that API clients in pods shall trust. */
  readonly caPem: string;
  readonly liveness: NodeLiveness;
  /** Without it no pod that stops with its lease is ever given up. */
  readonly leases?: LeaseLedger;
  readonly ipam?: NodeIpamOptions;
  /** In the syntax of kube-controller-manager's --controllers; all when left out. */
  readonly controllers?: readonly string[];
  /** Of those the ones to run now: while the hub recovers most wait. */
  readonly only?: (name: string) => boolean;
  readonly metrics?: WorkQueueMetrics;
}

/** They decide over no pod and give nothing out that a board still to be heard may have. */
const harmless: ReadonlySet<string> = new Set(['serviceaccount-controller', 'clusterrole-aggregation-controller']);

/** Whether a controller runs while the hub recovers. */
export function runsInRecovery(name: string): boolean {
  return harmless.has(name);
}

interface Entry {
  /** The service account it writes as; where Kubernetes has one, the same, so that its roles fit. */
  readonly account: string;
  /** Names the source of its events. */
  readonly component: string;
  readonly create: (env: ControllerEnv, options: ControllersOptions) => Controller;
}

const table: Readonly<Record<string, Entry>> = {
  'deployment-controller': { account: 'deployment-controller', component: 'deployment-controller', create: createDeploymentController },
  'replicaset-controller': { account: 'replicaset-controller', component: 'replicaset-controller', create: createReplicaSetController },
  'replicationcontroller-controller': {
    account: 'replication-controller',
    component: 'replication-controller',
    create: createReplicationController,
  },
  'serviceaccount-controller': {
    account: 'service-account-controller',
    component: 'serviceaccount-controller',
    create: createServiceAccountController,
  },
  'root-ca-certificate-publisher-controller': {
    account: 'root-ca-cert-publisher',
    component: 'root-ca-cert-publisher',
    create: (env, { caPem }) => createRootCaController(env, caPem),
  },
  'namespace-controller': { account: 'namespace-controller', component: 'namespace-controller', create: createNamespaceController },
  'garbage-collector-controller': {
    account: 'generic-garbage-collector',
    component: 'garbage-collector-controller',
    create: createGarbageCollector,
  },
  'pod-garbage-collector-controller': {
    account: 'pod-garbage-collector',
    component: 'pod-garbage-collector',
    create: createPodGcController,
  },
  'node-lifecycle-controller': {
    account: 'node-controller',
    component: 'node-controller',
    create: (env, { liveness }) => createNodeLifecycleController(env, liveness),
  },
  'taint-eviction-controller': {
    account: 'node-controller',
    component: 'taint-eviction-controller',
    create: (env, { leases }) => createTaintEvictionController(env, leases),
  },
  'node-ipam-controller': {
    account: 'node-controller',
    component: 'cidrAllocator',
    create: (env, { ipam }) => createNodeIpamController(env, ipam),
  },
  'clusterrole-aggregation-controller': {
    account: 'clusterrole-aggregation-controller',
    component: 'clusterrole-aggregation-controller',
    create: createClusterRoleAggregationController,
  },
  'endpointslice-controller': {
    account: 'endpointslice-controller',
    component: 'endpoint-slice-controller',
    create: createEndpointSliceController,
  },
  'endpointslice-mirroring-controller': {
    account: 'endpointslicemirroring-controller',
    component: 'endpoint-slice-mirroring-controller',
    create: createEndpointSliceMirroringController,
  },
  'endpoints-controller': { account: 'endpoint-controller', component: 'endpoint-controller', create: createEndpointsController },
  'node-operation-controller': {
    account: 'node-operation-controller',
    component: 'node-operation-controller',
    create: createNodeOperationController,
  },
};

export const controllerNames: readonly string[] = Object.keys(table);

/** Runs the controllers until the signal is aborted; resolves when the last one stopped. */
export async function startControllers(options: ControllersOptions, signal: AbortSignal): Promise<void> {
  const { registry, informers, clock, random, metrics } = options;
  const { only = () => true } = options;
  const running = selectControllers(options.controllers ?? ['*'], controllerNames);
  const selected = Object.entries(table).filter(([name]) => running.has(name) && only(name));
  await Promise.all(
    selected.map(([name, { account, component, create }]) => {
      const logger = options.logger.with({ controller: name });
      const client = createClient({ registry, informers, user: controllerUser(account), logger });
      const recorder = createEventRecorder({ client, clock, logger, component });
      const env: ControllerEnv = { client, recorder, clock, random, logger };
      return runController(create(env, options), { name, env, ...(metrics ? { metrics } : {}) }, signal);
    }),
  );
}
