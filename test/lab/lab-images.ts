import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Program } from '../harness/program.ts';
import { flotilla } from '../harness/stack.ts';

/** Where the lab's images stand between its runs. */
const imagesDir = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'flotilla', 'lab-images');

/** The raw image of a board, built unless it stands already. Nothing may change it. @returns its path; its manifest is beside it */
export async function labImage(board: string): Promise<string> {
  const program = Program.node('flotilla', flotilla, ['image', 'build', '--board', board, '--out', imagesDir, '--keep-raw']);
  const code = await program.ended;
  if (code !== 0) throw new Error(`flotilla image build --board ${board} ended with ${code}: ${program.stderr}`);
  return join(imagesDir, `flotilla-${board}.img`);
}

/** A copy that a run may put settings into; its path. */
export async function copyOfImage(board: string, dir: string): Promise<string> {
  const image = await labImage(board);
  await promisify(execFile)('cp', ['--sparse=always', image, `${image}.manifest.json`, dir]);
  return join(dir, `flotilla-${board}.img`);
}
