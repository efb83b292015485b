import type { Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { nodeOfflineSince, offlineWords } from '@flotilla/shared/api/offline.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import type { Registry, RequestContext } from '#registry/generic/types.ts';
import type { DeleteNotice } from './write-handlers.ts';

/** Only what the node's status says is used, and told to whoever may delete the pod. */
const reader: RequestContext = { user: { name: 'system:apiserver', groups: ['system:masters'] }, warn: () => {} };

/** That a pod which was told to go waits for its board. */
export function offlineDeleteNotice(registry: Registry): DeleteNotice {
  return ({ group, resource }, object) => {
    const { spec, metadata } = object as Pod;
    if (group !== '' || resource !== 'pods' || !spec?.nodeName || !metadata?.deletionTimestamp) return undefined;
    const since = sinceOf(registry, spec.nodeName);
    return since && `${offlineWords(spec.nodeName, since)}; the pod will be stopped when it returns`;
  };
}

function sinceOf(registry: Registry, node: string): string | undefined {
  try {
    return nodeOfflineSince(registry.resource<Node>('', 'nodes').get(reader, '', node).object);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
