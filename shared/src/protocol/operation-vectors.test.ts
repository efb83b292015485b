import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { operationLimits, parseOperationNote, parseOperationOrder } from './operation-messages.ts';
import { ProtocolError } from './protocol-error.ts';

/** Read here, never written: the contract for agents in other languages. */
const vectors = JSON.parse(readFileSync(new URL('../../docs/vectors/operations.json', import.meta.url), 'utf8')) as {
  orders: object[];
  notes: object[];
  refusedOrders: object[];
  refusedNotes: object[];
};

test.for(vectors.orders)('the hub says $op $number', (order) => expect(parseOperationOrder({ ...order, later: 1 })).toEqual(order));
test.for(vectors.notes)('a board says $op $number', (note) => expect(parseOperationNote({ ...note, later: 1 })).toEqual(note));
test.for(vectors.refusedOrders)('a board refuses %j', (order) => expect(() => parseOperationOrder(order)).toThrow(ProtocolError));
test.for(vectors.refusedNotes)('the hub refuses %j', (note) => expect(() => parseOperationNote(note)).toThrow(ProtocolError));

test('lists and reports are bounded', () => {
  const entry = { uid: 'u', name: 'n', action: 'Reboot', createdWallMs: 1, begun: false };
  const list = (length: number) => ({ session: 1, op: 'list', number: 1, operations: Array.from({ length }, () => entry) });
  expect(parseOperationOrder(list(operationLimits.listed))).toBeDefined();
  expect(() => parseOperationOrder(list(operationLimits.listed + 1))).toThrow(ProtocolError);
  const report = (diagnostics: string) => ({
    ...{ session: 1, op: 'report', number: 1, uid: 'u' },
    report: { phase: 'Succeeded', message: '', diagnostics },
  });
  expect(parseOperationNote(report('x'.repeat(operationLimits.diagnosticsBytes)))).toBeDefined();
  expect(() => parseOperationNote(report('x'.repeat(operationLimits.diagnosticsBytes + 1)))).toThrow(ProtocolError);
  expect(() => parseOperationNote(report('ü'.repeat(operationLimits.diagnosticsBytes / 2 + 1)))).toThrow(ProtocolError);
});
