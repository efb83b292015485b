import { readdirSync, readFileSync } from 'node:fs';

/** kB of one field of /proc/PID/status: VmRSS, RssAnon; 0 when there is no such process. */
export function statusKb(pid: number, field: string): number {
  return fieldOf(read(`/proc/${pid}/status`), field);
}

/** Proportional set size in kB: shared pages count in parts. */
export function pssKb(pid: number): number {
  return fieldOf(read(`/proc/${pid}/smaps_rollup`), 'Pss');
}

/** Processes whose command line names the text, those of a program only when one is given. */
export function processesNaming(text: string, program?: RegExp): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      const words = read(`/proc/${name}/cmdline`).split('\0');
      return words.some((word) => word.includes(text)) && (program?.test(words[0] ?? '') ?? true);
    })
    .map(Number);
}

function fieldOf(text: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It ended meanwhile.
    return '';
  }
}
