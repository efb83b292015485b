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
import { buildEpoch } from './epoch.ts';
import { nodeBinary } from './node-binary.ts';

export interface BuildCommandOptions {
  readonly board: string;
  readonly out: string;
  readonly layout?: string;
  readonly mirror?: string;
  readonly definitions?: string;
  readonly keepRaw?: boolean;
}

const repository = resolve(import.meta.dirname, '../../..');

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
  const epochSeconds = buildEpoch();
  const alive = setInterval(() => {}, 60_000);
  try {
    const manifest = await buildImage(
      {
        exec: new SystemExec(),
        files: new SystemFiles(),
        disks: new SystemDisks(),
        compress: options.keepRaw ? undefined : { suffix: '.zst', run: compress },
        nodeFor: (architecture) => nodeBinary(architecture, cache),
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

async function compress(path: string): Promise<void> {
  const params = { [constants.ZSTD_c_compressionLevel]: 9, [constants.ZSTD_c_checksumFlag]: 1 };
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), createZstdCompress({ params }), createWriteStream(`${path}.zst`));
  rmSync(path);
}
