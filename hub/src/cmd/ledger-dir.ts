import { join } from 'node:path';

/** Beside the key of the authority, and in no backup. */
export function ledgerDir(dataDir: string): string {
  return join(dataDir, 'pki/ledger');
}
