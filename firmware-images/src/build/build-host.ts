import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { ImagePlan } from './plan.ts';

const needed: readonly (readonly [program: string, debianPackage: string])[] = [
  ['mmdebstrap', 'mmdebstrap'],
  ['mke2fs', 'e2fsprogs'],
  ['tar', 'tar'],
  ['unshare', 'util-linux'],
];
const emulators = { amd64: 'qemu-x86_64', arm64: 'qemu-aarch64' } as const;
const binfmtDir = '/proc/sys/fs/binfmt_misc';

export interface BuildHost {
  readonly architecture: ImagePlan['architecture'];
  readonly isRoot: boolean;
}

/** @throws Error that names everything this machine lacks to build for an architecture, and what to do about it */
export async function checkBuildHost(
  { exec, files }: { readonly exec: Exec; readonly files: Files },
  host: BuildHost,
  wanted: ImagePlan['architecture'],
): Promise<void> {
  const foreign = host.architecture !== wanted;
  const programs = [
    ...needed,
    ...(host.isRoot ? [] : ([['fakeroot', 'fakeroot']] as const)),
    // How mmdebstrap finds out what can be run here.
    ...(foreign ? ([['arch-test', 'arch-test']] as const) : []),
  ];
  const missing: string[] = [];
  for (const [program, debianPackage] of programs) {
    const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
    const { code } = await exec.run('sh', ['-c', `command -v ${program}`], { env });
    if (code !== 0) missing.push(`${program} (on Debian: apt-get install ${debianPackage})`);
  }
  if (missing.length > 0) throw new Error(`missing on this machine: ${missing.join(', ')}`);
  if (foreign && !(await files.stat(`${binfmtDir}/${emulators[wanted]}`)))
    throw new Error(
      `this machine cannot run programs for ${wanted}, which installing packages needs (on Debian: apt-get install qemu-user-static ` +
        `binfmt-support; where ${binfmtDir} is empty: mount -t binfmt_misc binfmt_misc ${binfmtDir} and update-binfmts --enable)`,
    );
}
