/**
 * `npm test` and `npm run test:unit`: runs the tests and closes with one line, `N passed, N failed, N skipped`.
 * A file that cannot be loaded, an unhandled error and a run without tests count as failed.
 *
 *   test/run.ts [unit] [--config FILE] [FILTER …]
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureTools } from '@flotilla/shared/platform/tools.js';
import { startVitest } from 'vitest/node';
import { ClosingLine } from './harness/closing-line.ts';

const root = resolve(import.meta.dirname, '..');
const { values, positionals } = parseArgs({ allowPositionals: true, options: { config: { type: 'string' } } });
const unitOnly = positionals[0] === 'unit';
const filters = unitOnly ? positionals.slice(1) : positionals;

if (!unitOnly && !values.config) ensureTools(['podman', 'rootless', 'kubectl', 'etcd', 'busybox', 'strace']);

const closing = new ClosingLine();
const vitest = await startVitest('test', filters, {
  root,
  run: true,
  watch: false,
  ...(values.config ? { config: resolve(values.config) } : { config: resolve(root, 'vitest.config.ts') }),
  ...(unitOnly ? { project: ['unit'] } : {}),
  reporters: ['default', closing],
});
await vitest.close();
process.stdout.write(`${closing.line()}\n`);
process.exit(closing.failed > 0 ? 1 : 0);
