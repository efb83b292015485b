/**
 * `npm run bench -- SUITE [--json]`: measures, prints, leaves nothing behind. Exit status 0 whenever it measured.
 */
import { parseArgs } from 'node:util';
import { ensureTools } from '@flotilla/shared/platform/tools.js';
import { type Report, rounded, tableLine } from './figure.ts';

/** A suite is loaded only when it is asked for. */
const suites: Readonly<Record<string, () => Promise<{ run: (report: Report) => Promise<void> }>>> = {
  apply: () => import('./apply.ts'),
  link: () => import('./link.ts'),
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false } } });
const [name = ''] = positionals;
const suite = suites[name];
if (!suite) {
  process.stderr.write(`bench: ${name ? `no suite is called ${name}` : 'which suite?'} There are: ${Object.keys(suites).join(', ')}\n`);
  process.exit(2);
}
ensureTools(['podman', 'kubectl', 'busybox']);
const { run } = await suite();
await run((figure) => {
  const neat = { ...figure, value: rounded(figure.value) };
  process.stdout.write(`${values.json ? JSON.stringify(neat) : tableLine(figure)}\n`);
});
