import { readdir, readFile } from 'node:fs/promises';

/*
 * What a test process starts carries its mark in the environment. A run that was killed leaves hubs, agents and etcds behind, and an
 * agent that lives on makes its pods and its network again and again: whoever comes next ends what has no owner any more.
 */

const variable = 'FLOTILLA_TEST_OWNER';

/** Says of a process which one it is, so that a number that was given again is not taken for it; undefined when it is gone. */
async function processMark(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The words after the name: state is the first, the start time the twentieth. What has ended and was not waited for counts as gone.
  const words = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return words[19] === undefined || words[0] === 'Z' ? undefined : `${pid} ${words[19]}`;
}

/** Whether the process with this mark is there. */
export async function isThere(mark: string): Promise<boolean> {
  return (await processMark(Number(mark.split(' ')[0]))) === mark;
}

/** This process marks itself and everything it starts from now on. */
export const ownMark = (await processMark(process.pid)) ?? '';
process.env[variable] = ownMark;

/** Ends hubs, agents and whatever else was started by test processes that are gone; podman's and conmon's processes are left alone. */
export async function endOrphans(): Promise<void> {
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const environment = (await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')).split('\0');
    const mark = environment.find((one) => one.startsWith(`${variable}=`))?.slice(variable.length + 1);
    if (!mark || (await isThere(mark))) continue;
    const program = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    if (/^(podman|conmon)/.test(program)) continue;
    endProcess(pid);
  }
}

export function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
