import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hubsInAnswer, mdnsAnswer, mdnsQuestion } from './mdns-messages.ts';

const hub = { host: '192.168.1.7', port: 6443 };
const answer = mdnsAnswer(mdnsQuestion(77), hub) ?? Buffer.alloc(0);

test('a question has an answer, and it names the hub to who asked', () => {
  expect(hubsInAnswer(answer, 77)).toEqual([hub]);
  expect(hubsInAnswer(answer, 78)).toEqual([]);
  // An answer is no question, and a question no answer.
  expect(mdnsAnswer(answer, hub)).toBeUndefined();
  expect(hubsInAnswer(mdnsQuestion(77), 77)).toEqual([]);
  const other = Buffer.from(mdnsQuestion(77).toString('latin1').replace('_flotilla', '_printers'), 'latin1');
  expect(mdnsAnswer(other, hub)).toBeUndefined();
});

test('names may be shortened by pointers, in any case of letters', () => {
  const [start, service] = [answer.indexOf('_flotilla') - 1, Buffer.from('\t_flotilla\u0004_tcp\u0005local\u0000', 'latin1')];
  const second = answer.indexOf(service, start + 1);
  const shortened = Buffer.concat([answer.subarray(0, second), Buffer.from([0xc0, start]), answer.subarray(second + service.length)]);
  expect(hubsInAnswer(shortened, 77)).toEqual([hub]);
  expect(hubsInAnswer(Buffer.from(answer.toString('latin1').replaceAll('_tcp', '_TCP'), 'latin1'), 77)).toEqual([hub]);
});

test('a packet that was cut off anywhere names no hub', () => {
  for (let length = 0; length < answer.length; length++) expect(hubsInAnswer(answer.subarray(0, length), 77)).toEqual([]);
  for (let length = 0; length < mdnsQuestion(1).length; length++)
    expect(mdnsAnswer(mdnsQuestion(1).subarray(0, length), hub)).toBeUndefined();
});

test('pointers in a circle, huge counts and too large packets are refused', () => {
  const withName = (...name: number[]): Buffer =>
    Buffer.from([0, 77, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, ...name, 0, 12, 0, 1, 0, 0, 0, 0, 0, 0]);
  // At itself, at what comes later, at each other, and at a label that leads back to the pointer.
  for (const name of [
    [0xc0, 12],
    [0xc0, 14],
    [0xc0, 14, 0xc0, 12],
    [1, 97, 0xc0, 12],
    [0xff, 0xff],
  ])
    expect(hubsInAnswer(withName(...name), 77)).toEqual([]);
  for (const at of [4, 6, 8, 10]) {
    const many = Buffer.from(answer);
    many.writeUInt16BE(0xffff, at);
    expect(hubsInAnswer(many, 77)).toEqual([]);
  }
  expect(hubsInAnswer(Buffer.concat([answer, Buffer.alloc(1500)]), 77)).toEqual([]);
});

test('whatever comes is read without an error, and names a few hubs at most', () => {
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(fc.tuple(fc.nat(answer.length - 1), fc.nat(255)), { maxLength: 6 }).map((changes) => {
      const bytes = Buffer.from(answer);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    }),
  );
  fc.assert(
    fc.property(hostile, (bytes) => {
      const packet = Buffer.from(bytes);
      expect(hubsInAnswer(packet, 77).length).toBeLessThanOrEqual(8);
      mdnsAnswer(packet, hub);
    }),
    { numRuns: 300 },
  );
});
