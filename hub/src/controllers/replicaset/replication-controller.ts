import type { ReplicaSet, ReplicationController } from '@flotilla/shared/api/generated/types.js';
import type { Controller, ControllerEnv } from '../controller.ts';
import { createReplicatingController } from './replicaset-controller.ts';

/** Informers hold frozen objects, and the same one is asked about again and again. */
const seen = new WeakMap<ReplicationController, ReplicaSet>();

function asReplicaSet(object: ReplicationController): ReplicaSet {
  let set = seen.get(object);
  if (!set) {
    const { spec, ...rest } = object;
    set = { ...rest, ...(spec ? { spec: { ...spec, selector: { matchLabels: spec.selector ?? {} } } } : {}) };
    seen.set(object, set);
  }
  return set;
}

/** As many pods as a ReplicationController wants: what is done for a ReplicaSet (pkg/controller/replication). */
export function createReplicationController(env: ControllerEnv): Controller {
  return createReplicatingController(env, { group: '', resource: 'replicationcontrollers', kind: 'ReplicationController', asReplicaSet });
}
