import { createWriteStream } from 'node:fs';
import { chmod, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { backupPath } from '#recovery/admin-routes.ts';
import { apiClient } from './api-client.ts';
import { extractBackup } from './backup-file.ts';

export interface BackupCommandOptions {
  readonly out?: string;
  readonly kubeconfig?: string;
}

/** Fetches a backup from the running hub and checks it before it gets its name. */
export async function backupCommand(options: BackupCommandOptions): Promise<void> {
  const api = apiClient(options.kubeconfig);
  const from = process.env['INIT_CWD'] ?? process.cwd();
  const named = options.out === undefined ? undefined : resolve(from, options.out);
  const draftDir = await mkdtemp(join(named ? dirname(named) : from, '.flotilla-backup-'));
  try {
    const draft = join(draftDir, 'backup');
    await api.download(backupPath, createWriteStream(draft, { mode: 0o600 }));
    const { takenAt, revision } = await extractBackup(draft, join(draftDir, 'copy'));
    const file = named ?? join(from, `flotilla-${takenAt.replaceAll(':', '')}.backup`);
    await chmod(draft, 0o600);
    await rename(draft, file);
    process.stdout.write(
      `${file}: all objects at revision ${revision}; the keys of the cluster are not in it, keep DATA_DIR/pki safe beside it\n`,
    );
  } finally {
    await rm(draftDir, { recursive: true, force: true });
  }
}
