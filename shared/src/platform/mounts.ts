import { readFile } from 'node:fs/promises';
import type { Exec } from './exec.ts';

/** The door to file systems of the machine's own memory. A fake with the same shape is in fake-mounts.ts. Needs root. */
export interface Mounts {
  /**
   * Puts one at a directory, empty, for everybody to write in; leaves alone one that is there. Resolves
   * with whether it was put there now. @throws Error in the words of mount
   */
  memory(path: string, options: { readonly sizeBytes?: number }): Promise<boolean>;
  /** Takes away all that is mounted at a directory and below it. */
  release(path: string): Promise<void>;
}

export class SystemMounts implements Mounts {
  readonly #exec: Exec;

  constructor(exec: Exec) {
    this.#exec = exec;
  }

  async memory(path: string, { sizeBytes }: { readonly sizeBytes?: number }): Promise<boolean> {
    if ((await mounted()).includes(path)) return false;
    const size = sizeBytes === undefined ? '' : `,size=${sizeBytes}`;
    await this.#run('mount', ['-t', 'tmpfs', '-o', `mode=0777,nosuid,nodev${size}`, 'flotilla', path]);
    return true;
  }

  async release(path: string): Promise<void> {
    const below = (await mounted()).filter((place) => place === path || place.startsWith(`${path}/`));
    // The innermost first, which was mounted last.
    for (const place of below.reverse()) await this.#run('umount', [place]);
  }

  async #run(command: string, args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.#exec.run(command, args);
    if (code !== 0) throw new Error(`${command}: ${stderr.trim() || `exit status ${code}`}`);
  }
}

/** Where file systems are mounted, in the order they were (proc_pid_mountinfo(5)). */
async function mounted(): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines.flatMap((line) => line.split(' ')[4] ?? []).map(unescaped);
}

/** Spaces, tabs, line breaks and backslashes are written as octal numbers. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
}
