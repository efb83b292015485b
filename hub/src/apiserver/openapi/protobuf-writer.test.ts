import { expect, it } from 'vitest';
import { ProtobufWriter } from './protobuf-writer.ts';

it('writes strings, booleans and messages as the wire format has them', () => {
  const inner = new ProtobufWriter().string(1, 'a');
  const bytes = new ProtobufWriter().string(1, 'testing').bool(4, true).message(2, inner).finish();
  expect(bytes.toString('hex')).toBe('0a0774657374696e67200112030a0161');
});

it('writes long lengths and high field numbers in several bytes', () => {
  const bytes = new ProtobufWriter().string(31, 'x'.repeat(300)).finish();
  expect([...bytes.subarray(0, 4)]).toEqual([0xfa, 0x01, 0xac, 0x02]);
  expect(bytes.length).toBe(304);
});

it('leaves out what is empty', () => {
  expect(new ProtobufWriter().string(1, '').string(2, undefined).bool(3, false).message(4, undefined).finish()).toHaveLength(0);
});
