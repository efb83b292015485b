import { readdir, readFile } from 'node:fs/promises';

/** A process as the host sees it. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** The pid of the process that began its session, which may be gone. */
  readonly session: number;
}

/** Everything that runs; what has ended and only waits to be buried is left out. */
export async function processTable(): Promise<ProcessEntry[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const entries = await Promise.all(names.map((name) => processEntry(Number(name))));
  return entries.filter((entry) => entry !== undefined);
}

export async function processEntry(pid: number): Promise<ProcessEntry | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name is in parentheses and may hold anything.
  const [state, parent, , session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (state === undefined || state === '' || state === 'Z' || state === 'X') return undefined;
  return { pid, parent: Number(parent), session: Number(session) };
}

/** The processes below `root`, and those of a session. */
export function belonging(
  table: readonly ProcessEntry[],
  of: { readonly root?: number | undefined; readonly session?: number | undefined },
): number[] {
  const found = new Set(table.filter(({ session }) => session === of.session).map(({ pid }) => pid));
  let edge = of.root === undefined ? [] : [of.root];
  for (const seen = new Set(edge); edge.length > 0; ) {
    const parents = new Set(edge);
    edge = table.filter(({ pid, parent }) => parents.has(parent) && !seen.has(pid)).map(({ pid }) => pid);
    for (const pid of edge) {
      found.add(pid);
      seen.add(pid);
    }
  }
  return [...found];
}

/** Whether the process is one of the container's, by its cgroup. */
export async function isIn(containerId: string, pid: number): Promise<boolean> {
  return (await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '')).includes(containerId);
}
