import { createECDH, createHash, createHmac, createPrivateKey } from 'node:crypto';

/** The order of the curve P-256 (FIPS 186-4, D.1.2.3): a private key is a number from 1 to one less. */
const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');

/**
 * The private key of a simulated board, PKCS #8 PEM: the same for the same secret and node, so that a simulation that starts again has
 * the boards of before with nothing kept but the secret. Whoever has the secret has all their keys.
 */
export function boardKey(secret: Buffer, node: string): string {
  const digest = createHmac('sha512', secret).update(node).digest('hex');
  // 512 bits modulo a number of 256: no key is more likely than another.
  const scalar = (BigInt(`0x${digest}`) % (order - 1n)) + 1n;
  const d = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex');
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(d);
  const point = curve.getPublicKey();
  const text = (part: Buffer): string => part.toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: text(point.subarray(1, 33)), y: text(point.subarray(33)), d: text(d) };
  return createPrivateKey({ key: jwk, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** What the machine would call itself: as stable as the key. */
export function boardSerial(secret: Buffer, node: string): string {
  return createHash('sha256').update(secret).update(node).digest('hex').slice(0, 16);
}
