import { join } from 'node:path';
import type { HostArchitecture, HostDoors } from './agent-tree.ts';
import { archive } from './archive.ts';

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: HostArchitecture;
  readonly depends: readonly string[];
  readonly summary: string;
  /** Lines of the long description. */
  readonly description: readonly string[];
  /** `postinst`, `prerm`, `postrm`: bodies of shell scripts. */
  readonly scripts: Readonly<Record<string, string>>;
}

export interface DebianOptions {
  readonly package: DebianPackage;
  /** The tree, from the root. */
  readonly dir: string;
  /** For work that is thrown away. */
  readonly work: string;
  readonly out: string;
  readonly epochSeconds: number;
}

/** A binary package, deb(5): the same tree makes the same bytes, and neither dpkg nor root is needed. @returns its path */
export async function makeDebianPackage(doors: Pick<HostDoors, 'exec' | 'files'>, options: DebianOptions): Promise<string> {
  const { package: about, dir, work, out, epochSeconds } = options;
  const { exec, files } = doors;
  const control = join(work, 'control');
  await files.mkdir(control);
  const { stdout } = await exec.run('du', ['--summarize', '--apparent-size', '--block-size=1024', '--', dir]);
  await files.write(join(control, 'control'), controlText(about, Number.parseInt(stdout.toString('utf8'), 10) || 0));
  for (const [name, body] of Object.entries(about.scripts))
    await files.write(join(control, name), `#!/bin/sh\nset -e\n${body}\nexit 0\n`, { mode: 0o755 });
  const parts: { readonly name: string; readonly data: Buffer }[] = [{ name: 'debian-binary', data: Buffer.from('2.0\n') }];
  for (const [name, from] of [
    ['control.tar.gz', control],
    ['data.tar.gz', dir],
  ] as const) {
    await archive(exec, { dir: from, out: join(work, name), epochSeconds });
    parts.push({ name, data: (await files.readBytes(join(work, name))) ?? Buffer.alloc(0) });
  }
  const file = join(out, `${about.name}_${about.version}_${about.architecture}.deb`);
  await files.writeAtomic(file, arArchive(parts, epochSeconds), { mode: 0o644 });
  return file;
}

function controlText({ name, version, architecture, depends, summary, description }: DebianPackage, sizeKib: number): string {
  return [
    `Package: ${name}`,
    `Version: ${version}`,
    `Architecture: ${architecture}`,
    'Maintainer: Flotilla',
    `Installed-Size: ${sizeKib}`,
    `Depends: ${depends.join(', ')}`,
    'Section: admin',
    'Priority: optional',
    `Description: ${summary}`,
    ...description.map((line) => ` ${line}`),
    '',
  ].join('\n');
}

/** The archive format of ar(5), which deb(5) stands on. */
function arArchive(members: readonly { readonly name: string; readonly data: Buffer }[], epochSeconds: number): Buffer {
  const parts: Buffer[] = [Buffer.from('!<arch>\n')];
  for (const { name, data } of members) {
    const fields = [
      name.padEnd(16),
      String(epochSeconds).padEnd(12),
      '0'.padEnd(6),
      '0'.padEnd(6),
      '100644'.padEnd(8),
      String(data.length).padEnd(10),
    ];
    parts.push(Buffer.from(`${fields.join('')}\`\n`), data, Buffer.alloc(data.length % 2, '\n'));
  }
  return Buffer.concat(parts);
}
