import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs that are not npm packages: what they are for, the commands to look for and the Debian packages that bring them. */
const tools = {
  podman: {
    commands: ['podman', 'conmon', 'netavark', 'aardvark-dns', 'catatonit', 'runc', 'iptables'],
    packages: ['podman', 'conmon', 'netavark', 'aardvark-dns', 'catatonit', 'runc', 'iptables', 'iproute2'],
    why: 'runs the containers',
  },
  kubectl: { commands: ['kubectl'], packages: ['kubernetes-client'], why: 'drives the API in tests' },
  etcd: { commands: ['etcd'], packages: ['etcd-server'], why: 'the store is tested against it' },
  busybox: { commands: ['busybox'], packages: ['busybox-static'], why: 'demo and test images are made of it' },
} as const;

export type Tool = keyof typeof tools;

/** Where Debian puts helpers that are not on everybody's PATH. */
const helperFolders = ['/usr/lib/podman', '/usr/libexec/podman', '/usr/local/libexec/podman', '/usr/sbin', '/sbin', '/usr/local/sbin'];

function present(command: string): boolean {
  return [...(process.env['PATH'] ?? '').split(delimiter), ...helperFolders].some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export interface ToolDoors {
  readonly present: (command: string) => boolean;
  /** Runs a command with its output on standard error; its exit status. */
  readonly run: (command: string, args: readonly string[]) => number;
  readonly isRoot: boolean;
}

const systemDoors: ToolDoors = {
  present,
  run: (command, args) =>
    spawnSync(command, args, { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }).status ?? 1,
  isRoot: process.getuid?.() === 0,
};

/**
 * Sees to it that the programs are there: through apt as root or with a sudo that asks nothing, else with one message that
 * names what to install. Quick when nothing is missing.
 * @throws Error that names the missing programs and the Debian packages
 */
export function ensureTools(wanted: readonly Tool[], doors: ToolDoors = systemDoors): void {
  const missing = wanted.filter((tool) => tools[tool].commands.some((command) => !doors.present(command)));
  if (missing.length === 0) return;
  const packages = missing.flatMap((tool) => tools[tool].packages);
  const sudo = doors.isRoot ? [] : ['sudo', '-n'];
  const mayInstall = doors.present('apt-get') && (doors.isRoot || (doors.present('sudo') && doors.run('sudo', ['-n', 'true']) === 0));
  if (mayInstall) {
    const apt = (...args: string[]): number => {
      const [command = 'apt-get', ...rest] = [...sudo, 'apt-get', ...args];
      return doors.run(command, rest);
    };
    apt('update', '-qq');
    apt('install', '-y', '-qq', '--no-install-recommends', ...packages);
  }
  const still = missing.filter((tool) => tools[tool].commands.some((command) => !doors.present(command)));
  if (still.length === 0) return;
  const lines = still.map((tool) => {
    const absent = tools[tool].commands.filter((command) => !doors.present(command));
    return `${absent.join(', ')} (${tools[tool].why}; on Debian: apt-get install ${tools[tool].packages.join(' ')})`;
  });
  throw new Error(`missing on this machine: ${lines.join('; ')}`);
}
