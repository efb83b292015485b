import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What of this host decides how podman must be set up. Read from files only: no process is started for it. */
export interface HostFacts {
  readonly isRoot: boolean;
  readonly cgroups: 'v1' | 'v2' | 'hybrid' | 'none';
  /** Whether this agent may limit these: the controller exists and, rootless, is delegated. */
  readonly memoryController: boolean;
  readonly cpuController: boolean;
  readonly swapAccounting: boolean;
  readonly systemd: boolean;
  /** This user may make network tunnels, which podman connects containers by when it has no root. */
  readonly tun: boolean;
  /** Hard limits of this process; undefined when unlimited. */
  readonly hardOpenFiles: number | undefined;
  readonly hardProcesses: number | undefined;
  /** Programs and where they are. */
  readonly found: Readonly<Record<Program, string | undefined>>;
}

const programs = [
  'podman',
  'runc',
  'crun',
  'conmon',
  'netavark',
  'catatonit',
  'iptables',
  'nft',
  'newuidmap',
  'slirp4netns',
  'pasta',
  'script',
  'nsenter',
] as const;
export type Program = (typeof programs)[number];

const helperFolders = ['/usr/lib/podman', '/usr/libexec/podman', '/usr/local/libexec/podman', '/usr/local/lib/podman'];
const sbinFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];

export function readHostFacts(path = process.env['PATH'] ?? ''): HostFacts {
  const isRoot = process.getuid?.() === 0;
  const cgroups = cgroupKind();
  const delegated = cgroups === 'v2' ? v2Controllers(isRoot) : undefined;
  const controller = (name: string): boolean => delegated?.includes(name) ?? (isRoot && existsSync(`/sys/fs/cgroup/${name}`));
  const limits = read('/proc/self/limits');
  const hard = (name: string): number | undefined => {
    const value = new RegExp(`^${name}\\s+\\S+\\s+(\\d+)`, 'm').exec(limits)?.[1];
    return value === undefined ? undefined : Number(value);
  };
  return {
    isRoot,
    cgroups,
    memoryController: controller('memory'),
    cpuController: controller('cpu'),
    swapAccounting: cgroups === 'v2' || existsSync('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes'),
    systemd: existsSync('/run/systemd/system'),
    tun: mayUse('/dev/net/tun', constants.R_OK | constants.W_OK),
    hardOpenFiles: hard('Max open files'),
    hardProcesses: hard('Max processes'),
    found: Object.fromEntries(programs.map((name) => [name, find(name, path)])) as HostFacts['found'],
  };
}

function cgroupKind(): HostFacts['cgroups'] {
  if (existsSync('/sys/fs/cgroup/cgroup.controllers')) return 'v2';
  if (existsSync('/sys/fs/cgroup/unified/cgroup.controllers')) return 'hybrid';
  return existsSync('/sys/fs/cgroup/memory') || existsSync('/sys/fs/cgroup/cpu') ? 'v1' : 'none';
}

function v2Controllers(isRoot: boolean): string[] {
  const own = /^0::(.*)$/m.exec(read('/proc/self/cgroup'))?.[1] ?? '/';
  const uid = process.getuid?.() ?? 0;
  // Rootless podman lives below the user's own manager; that is where delegation shows.
  const folder = isRoot ? '/sys/fs/cgroup' : `/sys/fs/cgroup/user.slice/user-${uid}.slice/user@${uid}.service`;
  return (read(`${folder}/cgroup.controllers`) || read(`/sys/fs/cgroup${own}/cgroup.controllers`)).split(/\s+/);
}

function find(name: string, path: string): string | undefined {
  const own = path.split(delimiter).filter(Boolean);
  // podman itself is the one the user would start; what it calls is looked for where distributions put it.
  const folders = name === 'podman' ? own : [...own, ...sbinFolders, ...helperFolders];
  return folders.map((folder) => join(folder, name)).find((file) => mayUse(file, constants.X_OK));
}

function mayUse(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
