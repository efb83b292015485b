import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { hostSources } from '@flotilla/firmware-images/build/root-fs.js';
import { agentPackage, hubPackage, offlineBundle } from '@flotilla/firmware-images/host/packages.js';
import { runtimePackages } from '@flotilla/firmware-images/host/runtime-packages.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { buildEpoch } from './epoch.ts';
import { nodeBinary } from './node-binary.ts';

export interface PackageCommandOptions {
  readonly architecture: 'amd64' | 'arm64';
  readonly agents: readonly ('amd64' | 'arm64')[];
  readonly out: string;
  readonly packages?: string;
  readonly withPodman?: boolean;
}

/** Makes a Debian package, or the bundle for hosts that reach no package source; prints its path. @throws Error for whoever typed the command */
export async function packageCommand(what: 'agent' | 'hub' | 'bundle', options: PackageCommandOptions): Promise<void> {
  const { architecture, agents } = options;
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
    const packages = options.withPodman
      ? await podmanPackages(doors, architecture, work)
      : options.packages && resolve(from, options.packages);
    const path =
      what === 'agent'
        ? await agentPackage(doors, common)
        : what === 'hub'
          ? await hubPackage(doors, { ...common, agents })
          : await offlineBundle(doors, { ...common, ...(packages === undefined ? {} : { packages }) });
    process.stdout.write(`${path}\n`);
  } finally {
    clearInterval(alive);
    rmSync(work, { recursive: true, force: true });
  }
}

async function podmanPackages(
  doors: { exec: SystemExec; files: SystemFiles },
  architecture: 'amd64' | 'arm64',
  work: string,
): Promise<string> {
  const out = join(work, 'packages');
  await runtimePackages(doors, { architecture, sources: await hostSources(doors.exec, undefined), out, work });
  return out;
}
