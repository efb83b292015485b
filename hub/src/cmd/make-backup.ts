import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, kubeTime } from '@flotilla/shared/clock/clock.js';
import type { BackupStream } from '#recovery/admin-routes.ts';
import { storeStanding } from '#store/sqlite/restore.ts';
import { backupChunks, sha256Of } from './backup-file.ts';

export interface MakeBackupOptions {
  readonly copy: (file: string) => Promise<void>;
  readonly dataDir: string;
  readonly clock: Clock;
  /** `sha256:HEX` of the authority's key. */
  readonly cluster: string;
}

/** Copies the store of a running hub beside it; whoever takes the chunks closes it, and the copy goes. */
export async function makeBackup({ copy, dataDir, clock, cluster }: MakeBackupOptions): Promise<BackupStream> {
  const dir = await mkdtemp(join(dataDir, '.backup-'));
  const close = (): Promise<void> => rm(dir, { recursive: true, force: true });
  try {
    const file = join(dir, 'hub.db');
    await copy(file);
    const standing = storeStanding(file);
    const { size: bytes } = await stat(file);
    const sha256 = await sha256Of(file);
    const takenAt = kubeTime(clock.wallMs());
    return { chunks: backupChunks({ format: 'flotilla-backup/1', cluster, takenAt, ...standing, bytes, sha256 }, file), close };
  } catch (error) {
    await close();
    throw error;
  }
}
