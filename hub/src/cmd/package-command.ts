import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { agentPackage, hubPackage, offlineBundle } from '@flotilla/firmware-images/host/packages.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { buildEpoch } from './epoch.ts';
import { nodeBinary } from './node-binary.ts';

export interface PackageCommandOptions {
  readonly architecture: 'amd64' | 'arm64';
  readonly agents: readonly ('amd64' | 'arm64')[];
  readonly out: string;
  readonly packages?: string;
}

/** Makes a Debian package, or the bundle for hosts that reach no package source; prints its path. @throws Error for whoever typed the command */
export async function packageCommand(what: 'agent' | 'hub' | 'bundle', options: PackageCommandOptions): Promise<void> {
  const { architecture, agents, packages } = options;
  const from = process.env['INIT_CWD'] ?? process.cwd();
  const out = resolve(from, options.out);
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'flotilla');
  mkdirSync(cache, { recursive: true });
  mkdirSync(out, { recursive: true });
  const work = mkdtempSync(join(cache, 'package-'));
  // What waits for programs does not keep the process by itself.
  const alive = setInterval(() => {}, 60_000);
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as { readonly version: string };
  const common = { architecture, version, out, work, epochSeconds: buildEpoch() };
  const doors = { exec: new SystemExec(), files: new SystemFiles(), nodeFor: (one: 'amd64' | 'arm64') => nodeBinary(one, cache) };
  try {
    const path =
      what === 'agent'
        ? await agentPackage(doors, common)
        : what === 'hub'
          ? await hubPackage(doors, { ...common, agents })
          : await offlineBundle(doors, { ...common, ...(packages === undefined ? {} : { packages: resolve(from, packages) }) });
    process.stdout.write(`${path}\n`);
  } finally {
    clearInterval(alive);
    rmSync(work, { recursive: true, force: true });
  }
}
