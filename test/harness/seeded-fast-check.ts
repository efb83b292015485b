import { createRequire } from 'node:module';

const { default: fc } = createRequire(import.meta.url)('fast-check') as typeof import('fast-check');

/** FAST_CHECK_SEED=N tries other inputs; a failure prints the seed it was found with. */
fc.configureGlobal({ seed: Number(process.env['FAST_CHECK_SEED'] ?? 1) });

// biome-ignore lint/style/noDefaultExport: it stands in for a package that has one.
export default fc;
