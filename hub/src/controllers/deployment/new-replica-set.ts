import type { Deployment, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { controllerRef } from '../ownership.ts';
import { newSetAnnotations, nextRevision } from './annotations.ts';
import { hashLabel, templateHash } from './template-hash.ts';

/** The ReplicaSet for the Deployment's present template. */
export function newReplicaSet(deployment: Deployment, old: readonly ReplicaSet[], replicas: number): ReplicaSet {
  const { spec, metadata, status } = deployment;
  if (!spec) throw new Error(`deployment ${metadata?.name} has no spec`);
  const hash = templateHash(spec.template, status?.collisionCount);
  const labels = { ...spec.template.metadata?.labels, [hashLabel]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${metadata?.name}-${hash}`,
      namespace: metadata?.namespace ?? '',
      labels,
      annotations: newSetAnnotations(deployment, undefined, nextRevision(old)),
      ownerReferences: [controllerRef(deployment, 'apps/v1', 'Deployment')],
    },
    spec: {
      replicas,
      ...(spec.minReadySeconds ? { minReadySeconds: spec.minReadySeconds } : {}),
      selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [hashLabel]: hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  };
}
