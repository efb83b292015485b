import type { Deployment, DeploymentStatus, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { isAlreadyExists, isNotFound } from '@flotilla/shared/errors/status.js';
import { controllerOf } from '@flotilla/shared/meta/object.js';
import { type ControllerEnv, errorMessage, isNamespaceTerminating } from '../controller.ts';
import { revisionAnnotation, scaleAnnotations } from './annotations.ts';
import type { DeploymentStep } from './plan.ts';
import { replicasOf } from './replicas.ts';
import { type ConditionInput, hasDeadline, withCondition } from './status.ts';
import { templateText } from './template-hash.ts';

type Executor<K extends DeploymentStep['type']> = (
  env: ControllerEnv,
  deployment: Deployment,
  step: Extract<DeploymentStep, { type: K }>,
) => Promise<void>;

const place = (of: Deployment | ReplicaSet): [string, string] => [of.metadata?.namespace ?? '', of.metadata?.name ?? ''];
const sets = ({ client }: ControllerEnv) => client.resource<ReplicaSet>('apps', 'replicasets');
const deployments = ({ client }: ControllerEnv) => client.resource<Deployment>('apps', 'deployments');

async function setStatus(
  env: ControllerEnv,
  deployment: Deployment,
  change: (status: DeploymentStatus) => DeploymentStatus,
): Promise<void> {
  await deployments(env).updateStatus(...place(deployment), (current) => ({ ...current, status: change(current.status ?? {}) }));
}

async function setProgressing(env: ControllerEnv, deployment: Deployment, input: Omit<ConditionInput, 'type'>): Promise<void> {
  if (!hasDeadline(deployment)) return;
  await setStatus(env, deployment, (status) => ({
    ...status,
    conditions: [...withCondition(status.conditions ?? [], { type: 'Progressing', ...input }, env.clock.wallMs())],
  }));
}

/** A name that is taken by another template is a hash collision: the next attempt hashes with a higher count. */
async function afterNameTaken(env: ControllerEnv, deployment: Deployment, wanted: ReplicaSet): Promise<void> {
  const there = env.client.informer<ReplicaSet>('apps', 'replicasets').get(place(wanted).join('/'));
  const mine = there && controllerOf(there)?.uid === deployment.metadata?.uid;
  if (mine && there.spec?.template && wanted.spec?.template && templateText(there.spec.template) === templateText(wanted.spec.template))
    return;
  await setStatus(env, deployment, (status) => ({ ...status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 }));
}

/** A status that was reckoned before a ReplicaSet was made, with what making it told. */
function withOutcome(status: DeploymentStatus, { conditions = [], collisionCount }: DeploymentStatus): DeploymentStatus {
  const isOutcome = ({ type }: { readonly type: string }): boolean => type === 'Progressing';
  const others = (status.conditions ?? []).filter((condition) => !isOutcome(condition));
  return {
    ...status,
    conditions: [...others, ...conditions.filter(isOutcome)],
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
}

const executors: { readonly [K in DeploymentStep['type']]: Executor<K> } = {
  async create(env, deployment, { replicaSet }) {
    const name = replicaSet.metadata?.name ?? '';
    try {
      await sets(env).create(place(deployment)[0], replicaSet);
    } catch (error) {
      if (isAlreadyExists(error)) return afterNameTaken(env, deployment, replicaSet);
      if (isNamespaceTerminating(error)) return;
      const message = `Failed to create new replica set "${name}": ${errorMessage(error)}`;
      await setProgressing(env, deployment, { status: 'False', reason: 'ReplicaSetCreateError', message });
      env.recorder.event(deployment, 'Warning', 'ReplicaSetCreateError', message);
      throw error;
    }
    const replicas = replicasOf(replicaSet);
    if (replicas > 0) env.recorder.event(deployment, 'Normal', 'ScalingReplicaSet', `Scaled up replica set ${name} from 0 to ${replicas}`);
    await setProgressing(env, deployment, { status: 'True', reason: 'NewReplicaSetCreated', message: `Created new replica set "${name}"` });
  },
  async annotate(env, _deployment, { set, annotations, minReadySeconds }) {
    await sets(env).update(...place(set), (current) => ({
      ...current,
      metadata: { ...current.metadata, annotations: { ...current.metadata?.annotations, ...annotations } },
      ...(current.spec ? { spec: { ...current.spec, minReadySeconds } } : {}),
    }));
  },
  async resize(env, deployment, { set, to }) {
    const from = replicasOf(set);
    await sets(env).update(...place(set), (current) => ({
      ...current,
      metadata: { ...current.metadata, annotations: { ...current.metadata?.annotations, ...scaleAnnotations(deployment) } },
      ...(current.spec ? { spec: { ...current.spec, replicas: to } } : {}),
    }));
    if (from === to) return;
    const direction = to > from ? 'up' : 'down';
    env.recorder.event(
      deployment,
      'Normal',
      'ScalingReplicaSet',
      `Scaled ${direction} replica set ${set.metadata?.name} from ${from} to ${to}`,
    );
  },
  async remove(env, _deployment, { set }) {
    const preconditions = { uid: set.metadata?.uid ?? '' };
    await sets(env)
      .delete(...place(set), { preconditions, propagationPolicy: 'Background' })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  },
  async revision(env, deployment, { revision }) {
    // With the status, as kube-controller-manager does: it is no change that anybody asked for, so the generation stays.
    await deployments(env).updateStatus(...place(deployment), (current) => ({
      ...current,
      metadata: { ...current.metadata, annotations: { ...current.metadata?.annotations, [revisionAnnotation]: revision } },
    }));
  },
  async status(env, deployment, { status, created }) {
    await setStatus(env, deployment, (current) => (created ? withOutcome(status, current) : status));
  },
};

export async function executeStep(env: ControllerEnv, deployment: Deployment, step: DeploymentStep): Promise<void> {
  // The table has an executor of the right type for every step: a missing one does not compile.
  await (executors[step.type] as Executor<typeof step.type>)(env, deployment, step as never);
}
