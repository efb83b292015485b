import { join } from 'node:path';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { PackageSources } from '#build/root-fs.ts';
import type { HostArchitecture } from './agent-tree.ts';

/** What runs pods, as the images have it. */
const wanted = ['podman', 'conmon', 'crun', 'netavark', 'aardvark-dns', 'catatonit', 'iptables'];
/** Debian's essential packages, apt and systemd: every host has them and what they need. They are not carried. */
const everywhere = [
  ...[
    'base-files',
    'base-passwd',
    'bash',
    'bsdutils',
    'coreutils',
    'dash',
    'debianutils',
    'diffutils',
    'dpkg',
    'findutils',
    'grep',
    'gzip',
  ],
  ...['hostname', 'init-system-helpers', 'libc-bin', 'login', 'ncurses-base', 'ncurses-bin', 'perl-base', 'sed', 'sysvinit-utils', 'tar'],
  ...['util-linux', 'apt', 'init'],
];
const updateTimeoutMs = 5 * 60_000;

export interface RuntimePackagesOptions {
  readonly architecture: HostArchitecture;
  readonly sources: PackageSources;
  /** Becomes the directory of the packages, with `SHA256SUMS` and `release` (suite and architecture). */
  readonly out: string;
  /** For work that is thrown away. */
  readonly work: string;
}

/**
 * Downloads podman and what it needs besides a bare system, for hosts of the sources' release, whatever this machine has installed. apt
 * checks signatures and checksums. @throws Error with what apt said
 */
export async function runtimePackages(
  { exec, files }: { readonly exec: Pick<Exec, 'run'>; readonly files: Files },
  options: RuntimePackagesOptions,
) {
  const { architecture, sources, out, work } = options;
  const apt = join(work, 'apt');
  for (const dir of ['lists/partial', 'archives/partial']) await files.mkdir(join(apt, dir));
  await files.write(join(apt, 'status'), '');
  await files.write(join(apt, 'sources.list'), sources.lines.map((line) => `${line}\n`).join(''));
  const config = [
    ...sources.aptOptions,
    `APT::Architecture "${architecture}";`,
    `#clear APT::Architectures;`,
    `APT::Architectures {"${architecture}";};`,
    'APT::Install-Recommends "false";',
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
    `Dir::State::lists "${apt}/lists";`,
    `Dir::State::status "${apt}/status";`,
    `Dir::Cache "${apt}";`,
    `Dir::Etc::sourcelist "${apt}/sources.list";`,
    'Dir::Etc::sourceparts "/dev/null";',
    'Dir::Etc::preferencesparts "/dev/null";',
  ];
  await files.write(join(apt, 'apt.conf'), config.map((line) => `${line}\n`).join(''));
  const { PATH, http_proxy, https_proxy, no_proxy } = process.env;
  const env = { PATH, http_proxy, https_proxy, no_proxy, LC_ALL: 'C.UTF-8', APT_CONFIG: join(apt, 'apt.conf') };
  const run = async (cwd: string, command: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await exec.run(command, args, { cwd, env, timeoutMs: updateTimeoutMs });
    if (code !== 0) throw new Error(`${command} ${args[0]}: ${stderr.trim().split('\n').slice(-5).join('\n')}`);
    return stdout.toString('utf8');
  };
  const install = async (packages: readonly string[]): Promise<string[]> =>
    downloadsIn(await run(apt, 'apt-get', '--print-uris', '--yes', 'install', ...packages));
  await run(apt, 'apt-get', 'update');
  const bare = new Set(await install(everywhere));
  const carried = (await install(wanted)).filter((one) => !bare.has(one));
  await files.mkdir(out);
  await run(out, 'apt-get', 'download', ...carried);
  const names = (await files.list(out)).filter((name) => name.endsWith('.deb'));
  if (names.length !== carried.length) throw new Error(`apt-get downloaded ${names.length} packages of ${carried.length}`);
  await files.write(join(out, 'SHA256SUMS'), await run(out, 'sha256sum', '--', ...names));
  await files.write(join(out, 'release'), `${sources.suite} ${architecture}\n`);
}

/** NAME=VERSION of each line that `apt-get --print-uris` says: 'ADDRESS' NAME_VERSION_ARCHITECTURE.deb SIZE CHECKSUM */
function downloadsIn(text: string): string[] {
  return [...text.matchAll(/^'[^']*' ([a-z0-9.+-]+)_([^_\s]+)_[a-z0-9]+\.deb \d+ /gm)]
    .map(([, name = '', version = '']) => `${name}=${decodeURIComponent(version)}`)
    .sort();
}
