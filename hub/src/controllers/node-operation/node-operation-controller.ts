import type { NodeOperation } from '@flotilla/shared/api/fleet/node-operation.js';
import {
  endOperation,
  isOperationFinished,
  type NodeOperationEnd,
  operationCleanUpMs,
  operationExpiryMs,
  phaseOf,
  withdrawn,
} from '@flotilla/shared/api/fleet/node-operation-status.js';
import type { Node } from '@flotilla/shared/api/generated/types.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { isConflict, isNotFound } from '@flotilla/shared/errors/status.js';
import { objectKey } from '@flotilla/shared/meta/object.js';
import type { Controller, ControllerEnv } from '../controller.ts';

/** How long a node must be missing before its operations end: it may be about to be made anew. */
const quarantineMs = 40_000;
/** Timers are not set further ahead. */
const longestWaitMs = 6 * 3_600_000;

/**
 * Ends operations that no board took: withdrawn, too late, or meant for a node that is not there; and clears away those that ended
 * long ago. What a board may have begun is left to its board. Keys are names of operations.
 */
export function createNodeOperationController({ client, clock, recorder }: ControllerEnv): Controller {
  const operations = client.informer<NodeOperation>('fleet.flotilla.dev', 'nodeoperations');
  const nodes = client.informer<Node>('', 'nodes');
  const resource = client.resource<NodeOperation>('fleet.flotilla.dev', 'nodeoperations');
  /** Monotonic, by uid of the operation. */
  const nodeMissingSince = new Map<string, number>();

  const clear = async ({ metadata }: NodeOperation): Promise<void> => {
    const gone = resource.delete('', metadata?.name ?? '', { preconditions: { uid: metadata?.uid ?? '' } });
    await gone.catch((error: unknown) => {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    });
  };

  /** Ends it unless it went on meanwhile. */
  const end = async (operation: NodeOperation, how: (latest: NodeOperation) => NodeOperationEnd | undefined): Promise<void> => {
    let ended: NodeOperationEnd | undefined;
    await resource.updateStatus('', objectKey(operation), (latest) => {
      ended = latest.metadata?.uid === operation.metadata?.uid && !isOperationFinished(latest) ? how(latest) : undefined;
      return ended ? endOperation(latest, ended, kubeTime(clock.wallMs())) : latest;
    });
    if (ended) recorder.event(operation, 'Warning', ended.phase, ended.message);
  };

  /** How much longer its node may be missing; undefined while it is there. */
  const missingMs = ({ metadata, spec }: NodeOperation): number | undefined => {
    const uid = metadata?.uid ?? '';
    if (nodes.get(spec.nodeName)) {
      nodeMissingSince.delete(uid);
      return undefined;
    }
    const since = nodeMissingSince.get(uid) ?? clock.monotonicMs();
    nodeMissingSince.set(uid, since);
    return Math.max(0, since + quarantineMs - clock.monotonicMs());
  };

  return {
    watch(queue) {
      const look = (operation: NodeOperation): void => queue.add(objectKey(operation));
      operations.on({ added: look, updated: look, deleted: ({ metadata }) => nodeMissingSince.delete(metadata?.uid ?? '') });
      nodes.on({
        deleted: (node) => {
          for (const operation of operations.list()) if (operation.spec.nodeName === objectKey(node)) look(operation);
        },
      });
    },
    *keys() {
      for (const operation of operations.list()) yield objectKey(operation);
    },
    async reconcile(key) {
      const operation = operations.get(key);
      if (!operation) return undefined;
      const nowMs = clock.wallMs();
      const waits: number[] = [];
      if (isOperationFinished(operation)) {
        const atMs = operationCleanUpMs(operation);
        if (atMs === undefined) return undefined;
        if (atMs <= nowMs) {
          await clear(operation);
          return undefined;
        }
        waits.push(atMs - nowMs);
      } else {
        if (withdrawn(operation, nowMs)) {
          await end(operation, (latest) => withdrawn(latest, nowMs));
          return undefined;
        }
        const missing = missingMs(operation);
        if (missing === 0) {
          await end(operation, (latest) => withoutNode(latest));
          return undefined;
        }
        if (missing !== undefined) waits.push(missing);
        if (phaseOf(operation) === 'Pending') waits.push(operationExpiryMs(operation) - nowMs);
      }
      return waits.length > 0 ? { requeueAfterMs: Math.min(...waits, longestWaitMs) } : undefined;
    },
  };
}

function withoutNode(operation: NodeOperation): NodeOperationEnd {
  const { nodeName } = operation.spec;
  if (phaseOf(operation) === 'Pending') return { phase: 'Failed', message: `There is no node ${nodeName}.` };
  return { phase: 'Unknown', message: `Node ${nodeName} is gone, and it had taken the operation.` };
}
