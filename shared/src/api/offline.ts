import type { Node, Pod } from './generated/types.ts';

/** The reason of a pod's Ready condition while its board is away; `lastProbeTime` is when the board was heard last. */
export const nodeOfflineReason = 'NodeOffline';

/** What everybody is told of a board that is away. @param since RFC 3339 */
export function offlineWords(node: string, since: string): string {
  return `node ${node} is offline since ${since}`;
}

/** When a board that is away was heard last (RFC 3339), as its Node says; undefined when it is there. */
export function nodeOfflineSince({ status }: Node): string | undefined {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'Unknown' ? ready.lastHeartbeatTime : undefined;
}

/** The same of a pod that has not ended; what its status says is what was known then. */
export function podOfflineSince({ status }: Pod): string | undefined {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return undefined;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.reason === nodeOfflineReason ? ready.lastProbeTime : undefined;
}
