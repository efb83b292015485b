import { readdir, readFile, readlink } from 'node:fs/promises';

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

/**
 * Whether the process is one of the container's, by its cgroup; where containers have none of their own (without root) its first process only,
 * by the conmon that carries it.
 */
export async function isIn(containerId: string, pid: number): Promise<boolean> {
  if (await hasCgroupOf(containerId, pid)) return true;
  const parent = (await processEntry(pid))?.parent;
  return parent !== undefined && parent > 1 && (await told(parent, 'cmdline')).includes(containerId);
}

/** What tells processes of a container from all others where they have no cgroup of their own; undefined where they have. */
export async function homeOf(containerId: string, firstPid: number): Promise<string | undefined> {
  return (await hasCgroupOf(containerId, firstPid)) ? undefined : namespacesOf(firstPid);
}

/** Of processes and users; undefined when it is gone, or another user's. */
export async function namespacesOf(pid: number): Promise<string | undefined> {
  const links = await Promise.all(['pid', 'user'].map((name) => readlink(`/proc/${pid}/ns/${name}`).catch(() => undefined)));
  return links.includes(undefined) ? undefined : links.join(' ');
}

async function hasCgroupOf(containerId: string, pid: number): Promise<boolean> {
  return (await told(pid, 'cgroup')).includes(containerId);
}

async function told(pid: number, file: 'cgroup' | 'cmdline'): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
}
