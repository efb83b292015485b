import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { Files } from '@flotilla/shared/platform/files.js';

/** What the PKI needs of the disk. */
export type PkiFiles = Pick<Files, 'readText' | 'writeAtomic' | 'mkdir'>;

/** Keys and certificates as PEM files: `NAME.key` (0600) and `NAME.crt`. */
export interface KeyStore {
  /** The key of this name, made when it is not there. @throws Error when the file cannot be read as a key: it is never replaced */
  key(name: string, type: 'ec' | 'ed25519'): Promise<KeyObject>;
  certificate(name: string): Promise<string | undefined>;
  saveCertificate(name: string, pem: string): Promise<void>;
}

export async function openKeyStore(files: PkiFiles, dir: string): Promise<KeyStore> {
  await files.mkdir(dir, { mode: 0o700 });
  return {
    key: async (name, type) => {
      const path = join(dir, `${name}.key`);
      const pem = await files.readText(path);
      if (pem !== undefined) return readKey(path, pem);
      const { privateKey } = type === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
      await files.writeAtomic(path, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, { mode: 0o600 });
      return privateKey;
    },
    certificate: (name) => files.readText(join(dir, `${name}.crt`)),
    saveCertificate: (name, pem) => files.writeAtomic(join(dir, `${name}.crt`), pem, { mode: 0o600 }),
  };
}

function readKey(path: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Error(`the key ${path} cannot be read; restore it from a backup, a new one would cut off everybody who trusts it`, {
      cause: error,
    });
  }
}
