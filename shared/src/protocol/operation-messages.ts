import { linkLimits } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';
import { Shape } from './shape.ts';

/**
 * Messages of the kind `operation` (shared/docs/protocol.md, "Operations"): the hub tells the list of what waits, as state; the board asks before
 * it begins, and reports until it is acknowledged. What the hub says is signed for that very board.
 */

/** One entry of the list: not finished, as far as the hub knows. */
export interface WaitingOperation {
  readonly uid: string;
  readonly name: string;
  /** A word that the board may not know. */
  readonly action: string;
  readonly pod?: { readonly namespace: string; readonly name: string; readonly uid?: string };
  /** The hub's clock when it was made. */
  readonly createdWallMs: number;
  /** The board said that it began. */
  readonly begun: boolean;
}

/** Hub → board. */
export type OperationOrder =
  /** All that waits for this board; a list with a lower number than the last one says nothing. */
  | { readonly session: number; readonly op: 'list'; readonly number: number; readonly operations: readonly WaitingOperation[] }
  /** To the claim of this number. */
  | { readonly session: number; readonly op: 'answer'; readonly number: number; readonly granted: boolean; readonly message: string }
  /** The report of this number is committed. */
  | { readonly session: number; readonly op: 'ack'; readonly number: number };

/** Board → hub. Claims and reports are numbered from 1 in every session. */
export type OperationNote =
  | { readonly session: number; readonly op: 'listed'; readonly number: number }
  /** May it begin? Says that it has not, and that earlier answers no longer count. */
  | { readonly session: number; readonly op: 'claim'; readonly number: number; readonly uid: string }
  | { readonly session: number; readonly op: 'report'; readonly number: number; readonly uid: string; readonly report: OperationReport };

export interface OperationReport {
  readonly phase: 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  readonly message: string;
  readonly bootIdBefore?: string;
  readonly bootIdAfter?: string;
  readonly containers?: readonly { readonly name: string; readonly restartCount: number }[];
  /** What was collected, as text. */
  readonly diagnostics?: string;
}

export const operationLimits = {
  /** Entries of a list; what is beyond waits for these. */
  listed: 64,
  containers: 64,
  /** What was collected about a board. */
  diagnosticsBytes: 256 * 1024,
} as const;

/** @throws ProtocolError Malformed */
export function parseOperationOrder(value: unknown): OperationOrder {
  const shape = new Shape('operation', value);
  const head = { session: shape.integer('session'), number: shape.integer('number', 1) };
  const op = shape.text('op');
  if (op === 'ack') return { ...head, op };
  if (op === 'answer') return { ...head, op, granted: shape.boolean('granted'), message: shape.text('message', linkLimits.proseBytes) };
  if (op !== 'list') throw new ProtocolError('Malformed', `operation.op is ${JSON.stringify(op)}`);
  const operations = shape
    .list('operations', operationLimits.listed)
    .map((operation, index) => waiting(new Shape(`operation.operations[${index}]`, operation)));
  return { ...head, op, operations };
}

function waiting(shape: Shape): WaitingOperation {
  return {
    uid: shape.text('uid'),
    name: shape.text('name'),
    action: shape.text('action'),
    ...(shape.has('pod') ? { pod: pod(shape.nested('pod')) } : {}),
    createdWallMs: shape.integer('createdWallMs'),
    begun: shape.boolean('begun'),
  };
}

function pod(shape: Shape): NonNullable<WaitingOperation['pod']> {
  const uid = shape.optionalText('uid');
  return { namespace: shape.text('namespace'), name: shape.text('name'), ...(uid === undefined ? {} : { uid }) };
}

const phases = ['Running', 'Succeeded', 'Failed', 'Unknown'] as const;

/** @throws ProtocolError Malformed */
export function parseOperationNote(value: unknown): OperationNote {
  const shape = new Shape('operation', value);
  const head = { session: shape.integer('session'), number: shape.integer('number', 1) };
  const op = shape.text('op');
  if (op === 'listed') return { ...head, op };
  if (op !== 'claim' && op !== 'report') throw new ProtocolError('Malformed', `operation.op is ${JSON.stringify(op)}`);
  const uid = shape.text('uid');
  return op === 'claim' ? { ...head, op, uid } : { ...head, op, uid, report: report(shape.nested('report')) };
}

function report(shape: Shape): OperationReport {
  const said = shape.text('phase');
  const phase = phases.find((known) => known === said);
  if (!phase) throw shape.fault(`operation.report.phase is ${JSON.stringify(said)}`);
  const boots = ['bootIdBefore', 'bootIdAfter'].flatMap((name) => (shape.has(name) ? [[name, shape.text(name)]] : []));
  const containers = shape.has('containers')
    ? shape.list('containers', operationLimits.containers).map((container, index) => {
        const fields = new Shape(`operation.report.containers[${index}]`, container);
        return { name: fields.text('name'), restartCount: fields.integer('restartCount') };
      })
    : undefined;
  const diagnostics = shape.optionalText('diagnostics', operationLimits.diagnosticsBytes);
  if (diagnostics !== undefined && new TextEncoder().encode(diagnostics).length > operationLimits.diagnosticsBytes)
    throw shape.fault(`operation.report.diagnostics has more than ${operationLimits.diagnosticsBytes} bytes`);
  return {
    phase,
    message: shape.text('message', linkLimits.proseBytes),
    ...Object.fromEntries(boots),
    ...(containers ? { containers } : {}),
    ...(diagnostics === undefined ? {} : { diagnostics }),
  };
}
