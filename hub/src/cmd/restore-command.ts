import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { Ledger } from '#auth/pki/ledger.ts';
import { spkiHash } from '#auth/pki/pki.ts';
import { nextFirstRevision } from '#recovery/starting-point.ts';
import { restoreSqlite, storeStanding } from '#store/sqlite/restore.ts';
import { extractBackup } from './backup-file.ts';
import { ledgerDir } from './ledger-dir.ts';

export interface RestoreCommandOptions {
  readonly dataDir: string;
  readonly force?: boolean;
}

/** Puts a backup in the place of the store of a hub that does not run. What was there is kept beside it. */
export async function restoreCommand(backup: string, options: RestoreCommandOptions): Promise<void> {
  const from = process.env['INIT_CWD'] ?? process.cwd();
  const dataDir = resolve(from, options.dataDir);
  const file = join(dataDir, 'hub.db');
  const files = new SystemFiles();
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const copy = `${file}.backup`;
  try {
    const header = await extractBackup(resolve(from, backup), copy);
    const cluster = await clusterOf(files, dataDir);
    if (cluster && cluster !== header.cluster && !options.force)
      throw new Error(`the backup is of another cluster than the keys in ${join(dataDir, 'pki')}; --force restores it all the same`);
    const there = existsSync(file) ? storeStanding(file) : undefined;
    if (there && (there.epoch > header.epoch || there.revision > header.revision) && !options.force) {
      const lost = `revision ${there.revision}, the backup is at ${header.revision}`;
      throw new Error(`${file} is newer than the backup (${lost}); --force puts it aside and restores`);
    }
    const ledger = existsSync(ledgerDir(dataDir)) ? await Ledger.open({ files, dir: ledgerDir(dataDir) }) : undefined;
    const aside = there ? await putAside(file) : undefined;
    restoreSqlite({ backup: copy, file, above: ledger ? nextFirstRevision(ledger) : 0 });
    process.stdout.write(`${file}: restored as of ${header.takenAt}, revision ${header.revision}\n`);
    if (aside) process.stdout.write(`what was there is now ${aside}\n`);
    if (!cluster)
      process.stdout.write(
        `there are no keys in ${join(dataDir, 'pki')}: boards will not recognise this hub until the old ones are put there\n`,
      );
    process.stdout.write('Start the hub: it asks its boards what happened since; `flotilla recover` tells how far it is\n');
  } finally {
    await rm(copy, { force: true });
  }
}

async function putAside(file: string): Promise<string> {
  let number = 1;
  while (existsSync(`${file}.before-restore-${number}`)) number++;
  const aside = `${file}.before-restore-${number}`;
  await rename(file, aside);
  return aside;
}

async function clusterOf(files: SystemFiles, dataDir: string): Promise<string | undefined> {
  const pem = await files.readText(join(dataDir, 'pki/ca.crt'));
  return pem === undefined ? undefined : `sha256:${spkiHash(new X509Certificate(pem).publicKey)}`;
}
