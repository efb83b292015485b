import { dirname, join } from 'node:path';
import type { Pod } from '@flotilla/shared/api/generated/types.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { Runtime } from '#runtime/types.ts';

const mostBytes = 4096;
/** More than this was not meant as a message, and is not read into memory. */
const mostRead = 65_536;

function fileOf(podDir: string, container: string, attempt: number): string {
  return join(podDir, 'containers', container, `${attempt}`);
}

/** Makes the directories of these files ahead of their time: making one safe takes the disk a while. */
export async function prepareContainerFolders(files: Files, podDir: string, pod: Pod): Promise<void> {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  for (const { name } of containers) await files.mkdir(dirname(fileOf(podDir, name, 0)), { mode: 0o755 });
}

/** Makes the file that a container may leave its last words in; clears those of attempts long past. */
export async function prepareTerminationMessage(files: Files, podDir: string, container: string, attempt: number): Promise<string> {
  const path = fileOf(podDir, container, attempt);
  await files.mkdir(dirname(path), { mode: 0o755 });
  await files.write(path, '', { mode: 0o666 });
  if (attempt >= 2) await files.remove(fileOf(podDir, container, attempt - 2));
  return path;
}

/** The last words, at most 4096 bytes of them; empty when there are none. */
export async function readTerminationMessage(files: Files, podDir: string, container: string, attempt: number): Promise<string> {
  const path = fileOf(podDir, container, attempt);
  const found = await files.stat(path, { followLinks: false });
  if (found?.kind !== 'file' || found.size === 0 || found.size > mostRead) return '';
  const bytes = (await files.readBytes(path)) ?? Buffer.alloc(0);
  return bytes.subarray(-mostBytes).toString('utf8');
}

/** The end of a container's log: 80 lines, and 2048 bytes of them, at most (kubelet, `readLastStringFromContainerLogs`). */
export async function readLastLog(runtime: Pick<Runtime, 'logs'>, containerId: string): Promise<string> {
  let text = Buffer.alloc(0);
  for await (const chunk of runtime.logs(containerId, { tailLines: 80 }, new AbortController().signal)) {
    text = Buffer.concat([text, chunk]).subarray(-2048);
  }
  return text.toString('utf8');
}
