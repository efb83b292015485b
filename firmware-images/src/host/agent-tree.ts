import { join } from 'node:path';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { bundle } from '#build/bundle.ts';
import { parseDefinition } from '#build/definition.ts';
import { installScript } from './install-script.ts';

export type HostArchitecture = 'amd64' | 'arm64';

export interface HostDoors {
  readonly exec: Pick<Exec, 'run'>;
  readonly files: Files;
  /** The executable of Node for an architecture. */
  readonly nodeFor: (architecture: HostArchitecture) => Promise<string>;
}

/** Where packages put units; what somebody changes lies in /etc. */
export const unitFolder = 'usr/lib/systemd/system';

/** Lays out what an agent on a host of one's own consists of, as images have it: its bundle, its Node, its unit, its command. */
export async function layAgentTree({ exec, files, nodeFor }: HostDoors, dir: string, architecture: HostArchitecture): Promise<void> {
  const home = join(dir, 'usr/lib/flotilla');
  await files.mkdir(home);
  await bundle(files, 'agent', join(home, 'agent'));
  await layNode({ exec, files }, await nodeFor(architecture), join(home, 'bin'));
  await files.write(join(home, 'install.sh'), installScript({ pin: '' }));
  const text = (await files.readText(join(import.meta.dirname, '../../layers/agent.json'))) ?? '';
  for (const { path, mode, lines } of parseDefinition('layers', 'agent', text).files ?? []) {
    const target = join(dir, path.replace(/^\/etc\/systemd\/system\//, `/${unitFolder}/`));
    await files.mkdir(join(target, '..'));
    await files.write(target, lines.map((line) => `${line}\n`).join(''), { mode: Number.parseInt(mode ?? '644', 8) });
  }
}

/** A Node of one's own: which one a distribution has is its own affair. */
export async function layNode({ exec, files }: Pick<HostDoors, 'exec' | 'files'>, node: string, dir: string): Promise<void> {
  await files.mkdir(dir);
  const { code, stderr } = await exec.run('cp', ['--', node, join(dir, 'node')]);
  if (code !== 0) throw new Error(`cp: ${stderr}`);
  await files.chmod(join(dir, 'node'), 0o755);
}
