import type { Deployment, Pod, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { controllerOf, objectKey } from '@flotilla/shared/meta/object.js';
import { labelSelector } from '@flotilla/shared/meta/selector.js';
import type { Controller, ControllerEnv } from '../controller.ts';
import { adopted, byController, claimable, controllerRef, indexByController, planClaim, released } from '../ownership.ts';
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

  const ownersOf = (set: ReplicaSet): string[] => {
    const owner = controllerOf(set);
    const namespace = set.metadata?.namespace ?? '';
    if (owner) return owner.kind === 'Deployment' ? [`${namespace}/${owner.name}`] : [];
    return deployments
      .list(namespace)
      .filter(({ spec }) => labelSelector(spec?.selector).matches(set.metadata?.labels))
      .map(objectKey);
  };

  /** The ReplicaSets of a Deployment, after adopting and releasing what its selector says. */
  const claim = async (deployment: Deployment): Promise<readonly ReplicaSet[]> => {
    const selector = labelSelector(deployment.spec?.selector);
    const wanted = planClaim(deployment, claimable(replicaSets, deployment), (set) => selector.matches(set.metadata?.labels));
    const ref = controllerRef(deployment, 'apps/v1', 'Deployment');
    const namespace = deployment.metadata?.namespace ?? '';
    for (const set of wanted.release) {
      await resource.update(namespace, set.metadata?.name ?? '', (current) => released(current, deployment.metadata?.uid));
    }
    const taken: ReplicaSet[] = [];
    for (const set of wanted.adopt) {
      taken.push(await resource.update(namespace, set.metadata?.name ?? '', (current) => adopted(current, ref)));
    }
    return [...wanted.owned, ...taken];
  };

  return {
    workers: 5,
    watch(queue) {
      deployments.on({
        added: (it) => queue.add(objectKey(it)),
        updated: (it) => queue.add(objectKey(it)),
        deleted: (it) => queue.add(objectKey(it)),
      });
      const changed = (set: ReplicaSet): void => ownersOf(set).forEach(queue.add);
      replicaSets.on({
        added: changed,
        updated: (set, old) => {
          changed(set);
          if (controllerOf(set)?.uid !== controllerOf(old)?.uid) changed(old);
        },
        deleted: changed,
      });
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
      const sets = await claim(deployment);
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
