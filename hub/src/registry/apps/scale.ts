import type { Scale } from '@flotilla/shared/api/generated/types.js';
import { invalid, invalidObject } from '@flotilla/shared/errors/field.js';
import { badRequest, conflict } from '@flotilla/shared/errors/status.js';
import type { KubeObject, LabelSelector } from '@flotilla/shared/meta/object.js';
import { labelSelector } from '@flotilla/shared/meta/selector.js';
import { clone } from '#registry/generic/json.ts';
import { metadataOf } from '#registry/generic/object-meta.ts';
import type { Subresource } from '#registry/generic/types.ts';

interface Scalable extends KubeObject {
  spec?: { replicas?: number; selector?: LabelSelector | Readonly<Record<string, string>> };
  status?: { replicas?: number };
}

const selected = ({ spec }: Scalable): string => labelSelector(spec?.selector as LabelSelector | undefined).toString();

/**
 * The `scale` subresource (autoscaling/v1) of a kind with replicas and a selector.
 * @param selector its text, where it is no LabelSelector
 */
export function scaleSubresource<T extends Scalable>(
  group: string,
  resource: string,
  selector: (object: T) => string = selected,
): Subresource<T> {
  return {
    name: 'scale',
    kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    verbs: ['get', 'patch', 'update'],
    view(object): Scale {
      const { metadata: { name, namespace, uid, resourceVersion, creationTimestamp } = {}, spec, status } = object;
      const metadata = Object.fromEntries(
        Object.entries({ name, namespace, uid, resourceVersion, creationTimestamp }).filter(([, value]) => value !== undefined),
      );
      return {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata,
        spec: spec?.replicas ? { replicas: spec.replicas } : {},
        status: { replicas: status?.replicas ?? 0, selector: selector(object) },
      };
    },
    /** @throws StatusError Invalid, Conflict */
    apply(object, view) {
      const scale = view as Scale;
      const replicas = scale.spec?.replicas ?? 0;
      const { name = '', uid = '', namespace = '' } = object.metadata ?? {};
      if (!scale.metadata?.name)
        throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
      if (scale.metadata.namespace && scale.metadata.namespace !== namespace) {
        throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
      }
      if (replicas < 0) {
        const fault = invalid('spec.replicas', replicas, 'must be greater than or equal to 0');
        throw invalidObject('Scale', 'autoscaling', name, [fault]);
      }
      const own = scale.metadata?.uid;
      if (own && own !== uid) {
        const why = `Precondition failed: UID in precondition: ${own}, UID in object meta: ${uid}`;
        throw conflict({ group, resource: `${resource}/scale` }, name, why);
      }
      const scaled = clone(object);
      scaled.spec = { ...(scaled.spec ?? { selector: {} }), replicas } as NonNullable<T['spec']>;
      const metadata = metadataOf(scaled);
      if (scale.metadata?.resourceVersion) metadata.resourceVersion = scale.metadata.resourceVersion;
      else delete metadata.resourceVersion;
      return scaled;
    },
  };
}
