import type { NodeOperation, NodeOperationPhase, NodeOperationResult } from './node-operation.ts';

/** How NodeOperations go from phase to phase: pure, for whoever writes them. Times are RFC 3339. */

type FinalPhase = Exclude<NodeOperationPhase, 'Pending' | 'Delivered' | 'Running'>;

export interface NodeOperationEnd {
  readonly phase: FinalPhase;
  readonly message: string;
  readonly result?: NodeOperationResult;
}

export function phaseOf({ status }: NodeOperation): NodeOperationPhase {
  return status?.phase ?? 'Pending';
}

export function isOperationFinished(operation: NodeOperation): boolean {
  return !['Pending', 'Delivered', 'Running'].includes(phaseOf(operation));
}

/** When it has waited long enough; infinite when it never may (an object that was stored before there was a default). */
export function operationExpiryMs({ metadata, spec }: NodeOperation): number {
  const created = Date.parse(metadata?.creationTimestamp ?? '');
  return created + (spec.ttlSeconds ?? Number.POSITIVE_INFINITY) * 1000;
}

/** When it may be cleared away; undefined while it is not finished. */
export function operationCleanUpMs(operation: NodeOperation): number | undefined {
  const completed = Date.parse(operation.status?.completionTime ?? '');
  const kept = operation.spec.ttlSecondsAfterFinished;
  return isOperationFinished(operation) && kept !== undefined && completed ? completed + kept * 1000 : undefined;
}

export function endOperation(operation: NodeOperation, { phase, message, result }: NodeOperationEnd, time: string): NodeOperation {
  const succeeded = phase === 'Succeeded';
  const condition = { type: succeeded ? 'Complete' : 'Failed', status: 'True', reason: phase, message, lastTransitionTime: time };
  const { result: _earlier, ...status } = operation.status ?? {};
  return {
    ...operation,
    status: { ...status, phase, message, completionTime: time, conditions: [condition], ...(result ? { result } : {}) },
  };
}

/**
 * What the hub says to a board that asks whether it may begin, and says with it that it has not. Only here is it decided: what is
 * Expired or Cancelled afterwards was not begun and will not be.
 */
export function claimOperation(
  operation: NodeOperation,
  { nowMs, time }: { readonly nowMs: number; readonly time: string },
): { readonly operation: NodeOperation; readonly granted: boolean; readonly message: string } {
  const denied = (message: string, next = operation) => ({ operation: next, granted: false, message });
  const phase = phaseOf(operation);
  if (phase !== 'Pending' && phase !== 'Delivered') return denied(`it is ${phase} already`);
  if (operation.metadata?.deletionTimestamp) return denied('it was withdrawn');
  if (operation.spec.cancel) return denied('it was cancelled', endOperation(operation, cancelled, time));
  if (operationExpiryMs(operation) <= nowMs) return denied('its time to live is over', endOperation(operation, expired(operation), time));
  const { message: _earlier, ...status } = operation.status ?? {};
  return { operation: { ...operation, status: { ...status, phase: 'Delivered', deliveryTime: time } }, granted: true, message: '' };
}

const cancelled: NodeOperationEnd = { phase: 'Cancelled', message: 'It was withdrawn before the board took it.' };

function expired({ spec }: NodeOperation): NodeOperationEnd {
  return { phase: 'Expired', message: `The board did not take it within ${spec.ttlSeconds} seconds.` };
}

/** How an operation ends that its board has not taken; undefined when it may go on waiting, or may have begun. */
export function withdrawn(operation: NodeOperation, nowMs: number): NodeOperationEnd | undefined {
  if (phaseOf(operation) !== 'Pending') return undefined;
  if (operation.spec.cancel) return cancelled;
  return operationExpiryMs(operation) <= nowMs ? expired(operation) : undefined;
}
