import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { nodeCertificateRequest } from './certificate-request.ts';

/** The parts of a DER sequence, each with its header. */
function parts(sequence: Buffer): Buffer[] {
  const length = (at: number): [header: number, body: number] => {
    const first = sequence.readUInt8(at + 1);
    return first < 0x80 ? [2, first] : [2 + (first & 0x7f), sequence.readUIntBE(at + 2, first & 0x7f)];
  };
  const list: Buffer[] = [];
  for (let at = length(0)[0]; at < sequence.length; ) {
    const [header, body] = length(at);
    list.push(sequence.subarray(at, at + header + body));
    at += header + body;
  }
  return list;
}

// That the hub reads it and finds the signature right is in test/integration/enrolment.test.ts.
test.for(['a', 'x'.repeat(200)])('the request names the node, carries the key and is signed with it: %s', (node) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = nodeCertificateRequest(node, privateKey);
  const der = Buffer.from(pem.replaceAll(/-----.*-----|\n/g, ''), 'base64');
  const [info = Buffer.of(), , bits = Buffer.of()] = parts(der);
  const [, name = Buffer.of(), spki = Buffer.of()] = parts(info);
  expect(name.toString('latin1')).toContain(`system:node:${node}`);
  expect(spki.equals(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }))).toBe(true);
  // A bit string: header, number of unused bits, signature.
  expect(verify('sha256', info, createPublicKey(privateKey), bits.subarray(3))).toBe(true);
});
