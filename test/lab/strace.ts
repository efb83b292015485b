import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { Program } from '../harness/program.ts';

/** How a program writes to its disk. */
export type DiskCall = 'fsync' | 'pwrite64' | 'rename' | 'ftruncate' | 'unlink';

export interface KillPoint {
  readonly call: DiskCall;
  /** The number of this call, from 1, in the thread that makes it. */
  readonly at: number;
}

const injection = ({ call, at }: KillPoint): string[] => ['-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${at}`];
const quiet = ['-o', '/dev/null', '-e', 'signal=none'];

/** A running program's thread gets SIGKILL when it is about to make that call, counted from now. Resolves when that is sure. */
export async function killThreadAt(pid: number, thread: string, point: KillPoint): Promise<Program> {
  const tid = await threadNamed(pid, thread);
  const strace = new Program('strace', spawn('strace', [...quiet, '-p', String(tid), ...injection(point)], { stdio: 'pipe' }));
  await strace.says(/attached/);
  return strace;
}

/** A program that gets SIGKILL when one of its threads is about to make that call; `files` says which files count, all when left out. */
export function startKilledAt(
  command: readonly string[],
  point: KillPoint,
  { files = [], env = process.env }: { readonly files?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): Program {
  const paths = files.flatMap((file) => ['-P', file]);
  // One thread for the files that are written beside the store, so that their calls have one order.
  const options = { stdio: 'pipe' as const, env: { ...env, UV_THREADPOOL_SIZE: '1' } };
  return new Program(
    'the program under strace',
    spawn('strace', ['-f', '-qq', ...quiet, ...paths, ...injection(point), ...command], options),
  );
}

/** The process that strace runs. */
export async function tracedBy(strace: Program): Promise<number> {
  for (const name of await readdir('/proc')) {
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === strace.pid) return Number(name);
  }
  throw new Error('strace runs nothing');
}

async function threadNamed(pid: number, thread: string): Promise<number> {
  for (const tid of await readdir(`/proc/${pid}/task`)) {
    if ((await readFile(`/proc/${pid}/task/${tid}/comm`, 'utf8')).trim() === thread) return Number(tid);
  }
  throw new Error(`process ${pid} has no thread ${thread}`);
}
