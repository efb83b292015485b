import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { nodeCertificateRequest } from './certificate-request.ts';

test('openssl reads the request and finds its signature right', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  for (const node of ['a', 'x'.repeat(200)]) {
    const pem = nodeCertificateRequest(node, privateKey);
    const text = execFileSync('openssl', ['req', '-noout', '-verify', '-subject', '-nameopt', 'RFC2253'], {
      input: pem,
      encoding: 'utf8',
      stdio: 'pipe',
    });
    expect(text.trim()).toContain(`CN=system:node:${node},O=system:nodes`);
  }
});
