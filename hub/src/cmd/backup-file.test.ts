import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type BackupHeader, backupChunks, extractBackup, sha256Of } from './backup-file.ts';
import { recoveryText } from './recover-command.ts';

const dir = mkdtempSync(join(tmpdir(), 'flotilla-backup-file-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const copy = join(dir, 'copy');

async function backup(name: string, more: Partial<BackupHeader> = {}): Promise<string> {
  writeFileSync(copy, 'objects\n'.repeat(1000));
  const standing = { cluster: 'sha256:00', takenAt: '2026-01-01T00:00:00Z', epoch: 1, revision: 7 };
  const header: BackupHeader = { format: 'flotilla-backup/1', ...standing, bytes: 8000, sha256: await sha256Of(copy), ...more };
  const chunks: Buffer[] = [];
  for await (const chunk of backupChunks(header, copy)) chunks.push(chunk);
  const file = join(dir, name);
  writeFileSync(file, Buffer.concat(chunks));
  return file;
}

test('what is backed up comes out again', async () => {
  const file = await backup('good');
  expect(await extractBackup(file, join(dir, 'out'))).toMatchObject({ epoch: 1, revision: 7, takenAt: '2026-01-01T00:00:00Z' });
  expect(readFileSync(join(dir, 'out'), 'utf8')).toBe(readFileSync(copy, 'utf8'));
});

test('what is no whole backup of this format is refused', async () => {
  const out = join(dir, 'refused');
  await expect(extractBackup(copy, out)).rejects.toThrow('is no backup of a hub');
  const later = { format: 'flotilla-backup/9' } as unknown as Partial<BackupHeader>;
  await expect(extractBackup(await backup('later', later), out)).rejects.toThrow('has the format flotilla-backup/9; this version reads');
  await expect(extractBackup(await backup('short', { bytes: 8001 }), out)).rejects.toThrow('is not complete');
  await expect(extractBackup(await backup('altered', { sha256: '00' }), out)).rejects.toThrow('its checksum is not right');
});

test('the state of a recovery is told in lines', () => {
  expect(recoveryText({ active: false, heard: [], missing: [], lines: [] })).toBe('No recovery is under way, and there was none\n');
  const heard = [
    {
      node: 'a',
      taken: ['pods/default/p'],
      takenCount: 3,
      removed: ['default/q'],
      unrecovered: [{ what: 'secrets/kube-system/s', why: 'no' }],
    },
  ];
  const text = recoveryText({ active: true, reason: 'restored', heard, missing: [{ node: 'b' }, { node: 'c', why: 'forged' }], lines: [] });
  expect(text.split('\n')).toEqual([
    'Recovery is under way: the store came from a backup. Controllers, scheduler and evictions wait; `flotilla recover --finish` ends it',
    'Boards heard: 1',
    'Boards missing: 2',
    '  b',
    '  c: what it gave back was refused: forged',
    'Taken back: 3',
    '  pods/default/p (board a)',
    'Gone meanwhile: 1',
    '  pods/default/q (board a)',
    'Could not be recovered: 1',
    '  secrets/kube-system/s (board a): no',
    'To be done: 0',
    '',
  ]);
});
