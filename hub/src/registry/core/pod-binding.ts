import type { Binding, Pod } from '@flotilla/shared/api/generated/types.js';
import type { FieldError } from '@flotilla/shared/errors/field.js';
import { describeFieldError, notSupported, required } from '@flotilla/shared/errors/field.js';
import { badRequest, conflict, StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { clone } from '#registry/generic/json.ts';
import { metadataOf } from '#registry/generic/object-meta.ts';

const bindings = { group: '', resource: 'pods/binding' };

/**
 * Puts a pod on a node (registry/core/pod, BindingREST): once, and never while it is being deleted. uid and resourceVersion of
 * the binding are preconditions. @throws StatusError Invalid, Conflict
 */
export function applyBinding(pod: Pod, view: KubeObject): Pod {
  const { target, metadata: own = {} } = view as Binding;
  const name = pod.metadata?.name ?? '';
  const faults: FieldError[] = [];
  if (target?.kind && target.kind !== 'Node') faults.push(notSupported('target.kind', target.kind, ['Node', '<empty>']));
  if (!target?.name) faults.push(required('target.name'));
  // Not told as an invalid object: a fault of the server, to Kubernetes.
  if (faults.length > 0)
    throw new StatusError(
      500,
      '',
      faults.length === 1 ? describeFieldError(faults[0] ?? required('target')) : `[${faults.map(describeFieldError).join(', ')}]`,
    );
  const { namespace = '' } = pod.metadata ?? {};
  if (own.namespace && own.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  for (const [field, title] of [
    ['uid', 'UID'],
    ['resourceVersion', 'ResourceVersion'],
  ] as const) {
    const found = pod.metadata?.[field] ?? '';
    if (!own[field] || own[field] === found) continue;
    const key = `/registry/pods/${namespace}/${name}`;
    const storage = `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: `;
    throw conflict(
      { group: '', resource: 'pods' },
      name,
      `${storage}Precondition failed: ${title} in precondition: ${own[field]}, ${title} in object meta: ${found}`,
    );
  }
  const refuse = (why: string): never => {
    throw conflict(bindings, name, why);
  };
  if (pod.metadata?.deletionTimestamp) refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (pod.spec?.nodeName) refuse(`pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
  if (pod.spec?.schedulingGates?.length) refuse(`pod ${name} has non-empty .spec.schedulingGates`);

  const bound = clone(pod);
  const metadata = metadataOf(bound);
  if (own.annotations) metadata.annotations = { ...metadata.annotations, ...own.annotations };
  if (own.labels) metadata.labels = { ...metadata.labels, ...own.labels };
  bound.spec = { ...(bound.spec ?? { containers: [] }), nodeName: target.name ?? '' };
  delete bound.status?.nominatedNodeName;
  return bound;
}

/** A bound pod says so in its conditions. */
export function markScheduled(pod: Pod, _old: Pod, now: string): void {
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
  pod.status = { ...pod.status, conditions: [...others, { type: 'PodScheduled', status: 'True', lastTransitionTime: now }] };
}
