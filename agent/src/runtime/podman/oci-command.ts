import { readFile } from 'node:fs/promises';
import { StatusError } from '@flotilla/shared/errors/status.js';
import type { HostFacts } from './host-facts.ts';
import type { LibpodInspect } from './libpod-types.ts';

/** How the OCI runtime of a container is called. */
export interface OciCommand {
  /** With its global options: `/usr/sbin/runc`. */
  readonly command: readonly string[];
  /** Beside, or instead of, the agent's own environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * The program that runs this container. Without root it is started in the namespace of users that podman made for this user: what may be done to
 * the container may be done only from there. nsenter becomes the runtime, where `podman unshare` would wait beside it, at 40 MB.
 * @throws StatusError 501 when this board has not got what it takes
 */
export async function ociCommand(container: LibpodInspect, { isRoot, found }: HostFacts): Promise<OciCommand> {
  const { OCIRuntime: name, State: state } = container;
  const program = name.startsWith('/') ? name : found[name as keyof typeof found];
  if (program === undefined) throw new StatusError(501, 'NotImplemented', `the OCI runtime ${name} is not on this board`);
  if (isRoot) return { command: [program] };
  const { nsenter } = found;
  if (nsenter === undefined) throw new StatusError(501, 'NotImplemented', noNsenter);
  // conmon is in the namespace that podman made; the container's own process may be in one below it.
  const { ConmonPid: conmon } = state;
  const carried = conmon !== undefined && conmon > 0 && (await isCarrier(conmon, container.Id));
  const told = carried ? await readFile(`/proc/${conmon}/environ`, 'utf8').catch(() => '') : '';
  // Where the runtime keeps what it knows of its containers it finds out from these, as it did when conmon called it.
  const runtimeDir = /(?:^|\0)XDG_RUNTIME_DIR=([^\0]+)/.exec(told)?.[1] ?? process.env['XDG_RUNTIME_DIR'];
  return {
    command: [nsenter, ...inUsersOf(carried ? conmon : state.Pid), program],
    env: { USER: undefined, XDG_RUNTIME_DIR: runtimeDir },
  };
}

const noNsenter = 'without root exec needs the program nsenter on the board: install the package util-linux';

/** What nsenter must be told so that an ordinary user may enter further namespaces of this process. */
export function inUsersOf(pid: number): readonly string[] {
  return [`--user=/proc/${pid}/ns/user`, '--preserve-credentials'];
}

/** Whether this process is the conmon of this container. */
export async function isCarrier(pid: number, containerId: string): Promise<boolean> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes(containerId);
}
