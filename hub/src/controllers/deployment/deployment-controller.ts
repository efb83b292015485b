import type { Deployment, Pod, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { controllerOf, objectKey } from '@flotilla/shared/meta/object.js';
import { labelSelector } from '@flotilla/shared/meta/selector.js';
import type { Controller, ControllerEnv } from '../controller.ts';
import { byController, claim, claimable, controllerRef, indexByController, onOwned, ownerKeys } from '../ownership.ts';
import { isActive } from '../pod-state.ts';
import { planDeployment } from './plan.ts';
import { executeStep } from './steps.ts';

/** Rollouts as Kubernetes does them (pkg/controller/deployment). Keys are Deployments. */
export function createDeploymentController(env: ControllerEnv): Controller {
  const { client, clock, recorder } = env;
  const deployments = client.informer<Deployment>('apps', 'deployments');
  const replicaSets = client.informer<ReplicaSet>('apps', 'replicasets');
  const pods = client.informer<Pod>('', 'pods');
  const resource = client.resource<ReplicaSet>('apps', 'replicasets');
  indexByController(replicaSets);
  indexByController(pods);

  const ownersOf = (set: ReplicaSet): string[] => ownerKeys(set, 'Deployment', (namespace) => deployments.list(namespace));

  return {
    workers: 5,
    watch(queue) {
      const self = (deployment: Deployment): void => queue.add(objectKey(deployment));
      deployments.on({ added: self, updated: self, deleted: self });
      const changed = (set: ReplicaSet): void => ownersOf(set).forEach(queue.add);
      onOwned(replicaSets, changed);
      // Only Recreate waits for pods to go; everything else it needs is in the ReplicaSets' status.
      pods.on({
        deleted: (pod) => {
          const owner = controllerOf(pod);
          const set = owner?.kind === 'ReplicaSet' ? replicaSets.get(`${pod.metadata?.namespace}/${owner.name}`) : undefined;
          if (set) changed(set);
        },
      });
    },
    keys: () => deployments.list().map(objectKey),
    async reconcile(key) {
      const deployment = deployments.get(key);
      if (!deployment?.spec) return undefined;
      const { matchLabels = {}, matchExpressions = [] } = deployment.spec.selector;
      if (Object.keys(matchLabels).length === 0 && matchExpressions.length === 0) {
        recorder.event(deployment, 'Warning', 'SelectingAll', 'This deployment is selecting all pods. A non-empty selector is required.');
        return undefined;
      }
      const ref = controllerRef(deployment, 'apps/v1', 'Deployment');
      const sets = await claim(resource, claimable(replicaSets, deployment), deployment, ref);
      const podsOf = (set: ReplicaSet): readonly Pod[] => pods.byIndex(byController, set.metadata?.uid ?? '');
      const adoptable = ({ spec, metadata }: ReplicaSet): number => {
        const selector = labelSelector(spec?.selector);
        const orphans = pods.byIndex(byController, `orphan:${metadata?.namespace ?? ''}`);
        return orphans.filter((pod) => isActive(pod) && selector.matches(pod.metadata?.labels)).length;
      };
      const plan = planDeployment({ deployment, replicaSets: sets, podsOf, adoptable, nowMs: clock.wallMs() });
      for (const step of plan.steps) await executeStep(env, deployment, step);
      return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
    },
  };
}
