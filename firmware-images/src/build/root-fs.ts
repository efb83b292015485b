import { join } from 'node:path';
import { type Exec, ExecError } from '@flotilla/shared/platform/exec.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { ImagePlan } from './plan.ts';

/** Where the packages come from: Debian's suite and the lines of a sources list. */
export interface PackageSources {
  readonly suite: string;
  readonly lines: readonly string[];
  /** What apt needs to get there from the build host, as its own settings say it. */
  readonly aptOptions: readonly string[];
}

/**
 * Those of the build host, with these parts of the archive too; no address stands in this repository.
 * @throws Error when apt has none of Debian's
 */
export async function hostSources(exec: Exec, mirror: string | undefined, components: readonly string[] = []): Promise<PackageSources> {
  const targets = await exec.run('apt-get', [
    'indextargets',
    '--format',
    '$(ORIGIN)|$(SITE)|$(RELEASE)|$(COMPONENT)',
    'Created-By: Packages',
  ]);
  const found = targets.stdout
    .toString('utf8')
    .split('\n')
    .map((line) => line.split('|'))
    .filter(([origin]) => origin === 'Debian');
  const suites = [...new Set(found.map(([, , release = '']) => release))];
  // The others are named after it: bookworm-updates, bookworm-security.
  const suite = suites.find((name) => name !== '' && !name.includes('-'));
  if (!suite) throw new Error("apt knows no package source of Debian's on this machine (run apt-get update), or it has the wrong sources");
  const lines = found.flatMap(([, site = '', release = '', component = '']) => {
    const own = mirror !== undefined && !release.endsWith('-security') ? mirror : site;
    return [component, ...(component === 'main' ? components : [])].map((one) => `deb ${own} ${release} ${one}`);
  });
  const config = await exec.run('apt-config', ['dump', '--format', '%f "%v";%n', 'Acquire::http::Proxy', 'Acquire::https::Proxy']);
  const aptOptions = config.stdout
    .toString('utf8')
    .split('\n')
    .filter((line) => line.includes('::Proxy "') && !line.endsWith('"";'));
  return { suite, lines: [...new Set(lines)].sort(), aptOptions };
}

const unitDir = 'etc/systemd/system';
const unitPath = (name: string): string => `/${unitDir}/${name}`;

/** Documentation and translations that no board reads; copyright files stay. */
const leftOut = [
  'path-exclude=/usr/share/man/*',
  'path-exclude=/usr/share/locale/*',
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright',
  'path-exclude=/usr/share/info/*',
  'path-exclude=/usr/share/lintian/*',
];

export interface RootFsOptions {
  readonly plan: ImagePlan;
  readonly sources: PackageSources;
  readonly epochSeconds: number;
  /** The files that are laid over the packages, as a tar. */
  readonly overlay: string;
  readonly out: string;
}

/** The arguments of mmdebstrap that make the root file system of a plan, as a tar. */
export function mmdebstrapArguments({ plan, sources, overlay, out }: Omit<RootFsOptions, 'epochSeconds'>): string[] {
  const ofPackages = plan.enable.filter((name) => !plan.files.some(({ path }) => path === unitPath(name)));
  return [
    '--variant=apt',
    `--architectures=${plan.architecture}`,
    `--include=${plan.packages.join(',')}`,
    ...sources.aptOptions.map((option) => `--aptopt=${option}`),
    '--aptopt=APT::Install-Recommends "false";',
    ...leftOut.map((option) => `--dpkgopt=${option}`),
    // Before the packages: what they make when they are installed is made with these settings.
    `--essential-hook=tar-in ${overlay} /`,
    ...(ofPackages.length === 0 ? [] : [`--customize-hook=chroot "$1" systemctl enable ${ofPackages.join(' ')}`]),
    // What belongs to one machine only, or says how it was built.
    '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/resolv.conf "$1"/var/lib/systemd/random-seed',
    '--customize-hook=: > "$1"/etc/machine-id; echo flotilla > "$1"/etc/hostname; ln -sf ../run/systemd/resolve/stub-resolv.conf "$1"/etc/resolv.conf',
    '--customize-hook=rm -rf "$1"/var/log/* "$1"/var/cache/* "$1"/var/lib/apt/lists/*; mkdir -p "$1"/var/log/journal; rmdir "$1"/var/log/journal',
    // Nobody can log in with a password.
    '--customize-hook=chroot "$1" passwd --lock root >/dev/null',
    '--format=tar',
    sources.suite,
    out,
    ...sources.lines,
  ];
}

/**
 * As root mmdebstrap mounts this machine's /proc, /sys and /dev/shm into what it makes. In a mount namespace of its own they are seen by
 * nobody else and gone with it, however it ends: whoever clears a half-made tree away must not reach the machine through it.
 */
export function ownMounts(isRoot: boolean): string[] {
  return isRoot ? ['unshare', '--mount', '--propagation', 'private', '--'] : [];
}

/** Makes it; tells every step. @throws Error with the last lines that were said */
export async function makeRootFs(
  { exec, tell, signal }: { readonly exec: Exec; readonly tell: (line: string) => void; readonly signal: AbortSignal },
  options: RootFsOptions,
): Promise<void> {
  const said: string[] = [];
  const [command = '', ...args] = [...ownMounts(process.getuid?.() === 0), 'mmdebstrap', ...mmdebstrapArguments(options)];
  const child = await exec.start(command, args, {
    env: { ...hostEnvironment(), SOURCE_DATE_EPOCH: String(options.epochSeconds), LC_ALL: 'C.UTF-8' },
    onLine: (line) => {
      said.push(line);
      if (said.length > 40) said.shift();
      if (line.startsWith('I: ')) tell(line.slice(3));
    },
  });
  const stop = (): void => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const code = await child.exited;
  signal.removeEventListener('abort', stop);
  if (signal.aborted) throw new ExecError('aborted', 'building was given up');
  if (code !== 0) throw new Error(`the root file system could not be made:\n  ${said.slice(-15).join('\n  ')}`);
}

function hostEnvironment(): Record<string, string | undefined> {
  const { PATH, http_proxy, https_proxy, no_proxy, HOME, TMPDIR } = process.env;
  return { PATH: `${PATH ?? ''}:/usr/sbin:/sbin`, http_proxy, https_proxy, no_proxy, HOME, TMPDIR };
}

/**
 * Writes files, what makes units of systemd among them start and others never start, and what is in the directory already, into a tar
 * that is the same every time. Units to start that are not among the files are somebody else's. @throws Error when one of them says not when
 */
export async function makeOverlay(
  { exec, files }: { readonly exec: Exec; readonly files: Files },
  options: {
    readonly files: ImagePlan['files'];
    readonly enable?: readonly string[];
    readonly mask?: readonly string[];
    readonly dir: string;
    readonly out: string;
    readonly epochSeconds: number;
  },
): Promise<void> {
  const { dir, out, epochSeconds } = options;
  await files.mkdir(dir, { mode: 0o755 });
  for (const { path, mode, lines } of options.files) {
    const target = join(dir, path);
    await files.mkdir(join(target, '..'), { mode: 0o755 });
    await files.write(target, lines.map((line) => `${line}\n`).join(''), { mode: Number.parseInt(mode ?? '644', 8) });
  }
  const units = join(dir, unitDir);
  if (options.mask || options.enable) await files.mkdir(units);
  for (const unit of options.enable ?? []) {
    const own = options.files.find(({ path }) => path === unitPath(unit));
    if (!own) continue;
    const targets = own.lines.flatMap((line) => /^WantedBy=(\S+)$/.exec(line)?.[1] ?? []);
    if (targets.length === 0) throw new Error(`${unit} is to be started, and has no line WantedBy=`);
    for (const target of targets) {
      await files.mkdir(join(units, `${target}.wants`), { mode: 0o755 });
      await files.symlink(unitPath(unit), join(units, `${target}.wants`, unit));
    }
  }
  for (const unit of options.mask ?? []) await files.symlink('/dev/null', join(units, unit));
  const { code, stderr } = await exec.run('tar', [
    ...['--create', '--file', out, '--directory', dir, '--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'],
    ...[`--mtime=@${epochSeconds}`, '--mode=u+rw,go+r-w,a+X', '.'],
  ]);
  if (code !== 0) throw new Error(`tar: ${stderr}`);
}
