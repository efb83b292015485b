import { builtinModules } from 'node:module';
import { join } from 'node:path';
import type { Files } from '@flotilla/shared/platform/files.js';
import { build, type Plugin } from 'esbuild';

/**
 * Takes Node's own modules without `import`: importing one reads all that it exports, and http's getters load a whole fetch client that
 * nobody uses (4 MB).
 */
const lazyBuiltins: Plugin = {
  name: 'lazy-builtins',
  setup({ onResolve, onLoad }) {
    const names = builtinModules.map((name) => name.replace(/^node:/, '')).join('|');
    onResolve({ filter: new RegExp(`^(node:)?(${names})$`) }, ({ path }) => ({ path: path.replace(/^node:/, ''), namespace: 'builtin' }));
    // mqtt.js brings a copy of Node's streams.
    onResolve({ filter: /^readable-stream$/ }, () => ({ path: 'stream', namespace: 'builtin' }));
    // What it brings for browsers, and for proxies that are not ours.
    onResolve({ filter: /^(socks|worker-timers)$/ }, ({ path }) => ({ path, namespace: 'nothing' }));
    onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: 'module.exports = {}' }));
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(`node:${path}`)})`,
    }));
  },
};

/** Entries by the name of their file in the bundle. */
const entries = {
  agent: { 'cmd/flotilla-agent': 'cmd/flotilla-agent.ts', 'node/host-probe': 'node/host-probe.ts' },
  hub: { 'cmd/flotilla': 'cmd/flotilla.ts', 'cmd/store-worker': 'store/sqlite/worker.ts' },
};

/** One workspace as images and releases carry it: minified, the entries and what they load on demand. The same sources make the same bytes. */
export async function bundle(files: Files, workspace: keyof typeof entries, outdir: string): Promise<void> {
  const source = join(import.meta.dirname, '../../..', workspace, 'src');
  await build({
    entryPoints: Object.entries(entries[workspace]).map(([out, entry]) => ({ out, in: join(source, entry) })),
    outdir,
    // Beside the entries that load them: other files are looked for from there.
    chunkNames: 'cmd/[name]-[hash]',
    bundle: true,
    splitting: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    plugins: [lazyBuiltins],
    // Building images is no work of a bundle.
    external: ['esbuild'],
    logLevel: 'error',
  });
  await files.write(join(outdir, 'package.json'), '{"type":"module"}');
}
