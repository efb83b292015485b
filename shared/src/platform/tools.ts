import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Programs that are not npm packages: what they are for, the commands to look for (`A|B`: one of them will do) and the Debian packages
 * that bring them.
 */
const tools = {
  podman: {
    commands: ['podman', 'conmon', 'netavark', 'aardvark-dns', 'catatonit', 'runc', 'iptables'],
    packages: ['podman', 'conmon', 'netavark', 'aardvark-dns', 'catatonit', 'runc', 'iptables', 'iproute2'],
    why: 'runs the containers',
  },
  rootless: {
    commands: ['newuidmap', 'newgidmap', 'slirp4netns|pasta'],
    packages: ['uidmap', 'slirp4netns', 'passt'],
    why: 'lets podman run without root',
  },
  kubectl: { commands: ['kubectl'], packages: ['kubernetes-client'], why: 'drives the API in tests' },
  etcd: { commands: ['etcd'], packages: ['etcd-server'], why: 'the store is tested against it' },
  faketime: { commands: ['faketime'], packages: ['faketime'], why: 'gives programs another wall clock in the lab' },
  btrfs: { commands: ['mkfs.btrfs', 'mkfs.ext4'], packages: ['btrfs-progs', 'e2fsprogs'], why: 'copies a disk in one moment in the lab' },
  strace: { commands: ['strace'], packages: ['strace'], why: 'kills programs at a point of their writing in the lab' },
  images: { commands: ['mke2fs', 'e2fsck', 'tar'], packages: ['e2fsprogs', 'tar'], why: 'makes the file systems of images' },
  fakeroot: { commands: ['fakeroot'], packages: ['fakeroot'], why: "lets an image's files have owners without root" },
  curl: { commands: ['curl'], packages: ['curl'], why: 'installs the agent on hosts' },
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

function absentOf(tool: Tool, doors: ToolDoors): string[] {
  return tools[tool].commands.filter((command) => !command.split('|').some(doors.present)).map((command) => command.replace('|', ' or '));
}

/**
 * Sees to it that the programs are there: through apt as root or with a sudo that asks nothing, else with one message that
 * names what to install. An ordinary user's podman brings with it what it needs without root. Quick when nothing is missing.
 * @throws Error that names the missing programs and the Debian packages
 */
export function ensureTools(wanted: readonly Tool[], doors: ToolDoors = systemDoors): void {
  const all: readonly Tool[] = wanted.includes('podman') && !doors.isRoot ? [...wanted, 'rootless'] : wanted;
  const missing = all.filter((tool) => absentOf(tool, doors).length > 0);
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
  const still = missing.filter((tool) => absentOf(tool, doors).length > 0);
  if (still.length === 0) return;
  const lines = still.map((tool) => {
    return `${absentOf(tool, doors).join(', ')} (${tools[tool].why}; on Debian: apt-get install ${tools[tool].packages.join(' ')})`;
  });
  throw new Error(`missing on this machine: ${lines.join('; ')}`);
}
