import type { Namespace, Node, Pod } from '@flotilla/shared/api/generated/types.js';
import {
  annotationsOf,
  leaseOf,
  offlineAnnotations,
  offlinePolicy,
  validateOfflineAnnotations,
} from '@flotilla/shared/api/offline-policy.js';
import { type FieldError, forbiddenField, invalidObject } from '@flotilla/shared/errors/field.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import type { KubeObject, ObjectMeta } from '@flotilla/shared/meta/object.js';
import type { AdmissionAttributes } from '#registry/generic/types.ts';
import { type AdmissionEnv, type AdmissionPlugin, isResource } from './plugin.ts';

const { whenOffline, offlineAfter, onReturn } = offlineAnnotations;

/**
 * What pods, templates, namespaces and nodes say of a board's absence is right, and a pod that stops with a lease says so itself from
 * the moment it has a node: its board counts on it, on and on, without asking anybody.
 */
export function offlinePolicyPlugin({ registry }: AdmissionEnv): AdmissionPlugin {
  const annotations = <T extends KubeObject>(attributes: AdmissionAttributes, resource: string, name: string) => {
    try {
      return registry().resource<T>('', resource).get(attributes.ctx, '', name).object.metadata?.annotations;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  return {
    name: 'OfflinePolicy',
    mutate(attributes) {
      const bound = isResource(attributes, 'pods', 'binding') || (isResource(attributes, 'pods') && attributes.operation === 'CREATE');
      const pod = attributes.object as Pod | undefined;
      const node = pod?.spec?.nodeName;
      if (!bound || !pod || !node || pod.metadata?.annotations?.[whenOffline] !== undefined) return;
      const policy = offlinePolicy({
        pod,
        namespace: annotations<Namespace>(attributes, 'namespaces', attributes.namespace),
        node: annotations<Node>(attributes, 'nodes', node),
      });
      if (policy.when !== 'Stop') return;
      pod.metadata = { ...pod.metadata, annotations: { ...pod.metadata?.annotations, ...annotationsOf(policy) } };
    },
    validate(attributes) {
      const { definition, name, object, old, operation, subresource } = attributes;
      if (!object || (operation !== 'CREATE' && operation !== 'UPDATE') || (subresource !== '' && subresource !== 'binding')) return;
      const faults: FieldError[] = [];
      if (definition.group === '' && ['pods', 'namespaces', 'nodes'].includes(definition.resource)) {
        faults.push(...changed(object.metadata, old?.metadata, 'metadata'));
      }
      faults.push(...changed(templateOf(object), templateOf(old), 'spec.template.metadata'));
      if (definition.resource === 'pods' && old) faults.push(...leaseIsKept(object as Pod, old as Pod));
      if (faults.length > 0) throw invalidObject(definition.kind, definition.group, name || object.metadata?.name || '', faults);
    },
  };
}

/** What was stored before it was forbidden does not stand in the way of other changes. */
function changed(now: ObjectMeta | undefined, was: ObjectMeta | undefined, path: string): FieldError[] {
  const same = [whenOffline, offlineAfter, onReturn].every((key) => now?.annotations?.[key] === was?.annotations?.[key]);
  return same ? [] : validateOfflineAnnotations(now?.annotations, path);
}

function templateOf(object: KubeObject | undefined): ObjectMeta | undefined {
  return (object as { spec?: { template?: { metadata?: ObjectMeta } } } | undefined)?.spec?.template?.metadata;
}

function leaseIsKept(pod: Pod, old: Pod): FieldError[] {
  if (!old.spec?.nodeName || (leaseOf(pod) === undefined && leaseOf(old) === undefined)) return [];
  return [whenOffline, offlineAfter]
    .filter((key) => pod.metadata?.annotations?.[key] !== old.metadata?.annotations?.[key])
    .map((key) =>
      forbiddenField(
        `metadata.annotations[${key}]`,
        'a lease may be neither given to a pod nor changed or taken from it once it has a node',
      ),
    );
}
