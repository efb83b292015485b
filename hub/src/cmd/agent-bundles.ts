import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import type { AgentBundle, InstallDoor } from '#nodesync/enrol/install-routes.ts';
import { defaultEpoch } from './epoch.ts';
import { nodeBinary } from './node-binary.ts';

const repository = resolve(import.meta.dirname, '../../..');
/** Beside a hub that was bundled for release. */
const shipped = resolve(import.meta.dirname, '../agents');

/** What hosts are installed with. A released hub has the agents beside it; one that runs from a clone makes each when it is first asked for. */
export function agentBundles(dataDir: string): InstallDoor {
  const made = new Map<string, Promise<AgentBundle>>();
  return {
    script: async (pin) => (await import('@flotilla/firmware-images/host/install-script.js')).installScript({ pin }),
    bundle(architecture) {
      const known = made.get(architecture);
      if (known !== undefined) return known;
      const ready = join(shipped, `${architecture}.tar.gz`);
      const bundle = (existsSync(ready) ? Promise.resolve(ready) : makeBundle(architecture, join(dataDir, 'agents'))).then(describe);
      made.set(architecture, bundle);
      // What failed once may work the next time.
      bundle.catch(() => made.delete(architecture));
      return bundle;
    },
  };
}

async function makeBundle(architecture: 'amd64' | 'arm64', out: string): Promise<string> {
  if (!existsSync(join(repository, 'agent/src'))) throw new Error(`this hub came without the agent for ${architecture}`);
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'flotilla');
  mkdirSync(out, { recursive: true, mode: 0o700 });
  const work = mkdtempSync(join(out, 'work-'));
  try {
    const { agentBundle } = await import('@flotilla/firmware-images/host/packages.js');
    const doors = { exec: new SystemExec(), files: new SystemFiles(), nodeFor: (one: 'amd64' | 'arm64') => nodeBinary(one, cache) };
    return await agentBundle(doors, { architecture, out, work, epochSeconds: defaultEpoch });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function describe(path: string): Promise<AgentBundle> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return { bytes: statSync(path).size, sha256: hash.digest('hex'), chunks: () => createReadStream(path, { highWaterMark: 1 << 18 }) };
}
