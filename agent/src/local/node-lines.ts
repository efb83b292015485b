import type { NodeStatus } from '@flotilla/shared/api/generated/types.js';

/** What of a v1.NodeStatus people at the board look for. */
export function nodeLines(status: NodeStatus): Record<string, string> {
  const { nodeInfo: info, capacity = {}, addresses = [], conditions = [] } = status;
  const good = conditions.filter(({ type, status: is }) => (type === 'Ready') !== (is === 'True'));
  const wrong = good.map(({ type, reason, message }) => `${type}: ${message || reason || 'unknown'}`);
  return {
    System: `${info?.osImage ?? 'Linux'}, Linux ${info?.kernelVersion ?? 'unknown'}, ${info?.architecture ?? 'unknown'}`,
    Runtime: info?.containerRuntimeVersion || 'unknown',
    Capacity: `${capacity['cpu'] ?? '?'} CPUs, ${capacity['memory'] ?? '?'} memory, ${capacity['pods'] ?? '?'} pods`,
    Addresses:
      addresses
        .filter(({ type }) => type === 'InternalIP')
        .map(({ address }) => address)
        .join(', ') || 'none',
    'Boot id': info?.bootID || 'unknown',
    Trouble: wrong.join('; ') || 'none',
  };
}
