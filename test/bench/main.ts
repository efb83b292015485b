/**
 * `npm run bench -- SUITE [--json] [--boards N] [--only PART] [--against KUBECONFIG]`: measures, prints, leaves nothing behind. Exit status 0 whenever it measured.
 */
import { parseArgs } from 'node:util';
import { ensureTools } from '@flotilla/shared/platform/tools.js';
import { type Report, rounded, tableLine } from './figure.ts';

interface SuiteOptions {
  readonly boards?: number | undefined;
  /** A part of the suite, by the name that the suite gives it. */
  readonly only?: string | undefined;
  /** A kubeconfig of another server that the same load is put on. */
  readonly against?: string | undefined;
}

/** A suite is loaded only when it is asked for. */
const suites: Readonly<Record<string, () => Promise<{ run: (report: Report, options: SuiteOptions) => Promise<void> }>>> = {
  api: () => import('./api.ts'),
  apply: () => import('./apply.ts'),
  flash: () => import('./flash.ts'),
  link: () => import('./link.ts'),
  streams: () => import('./streams.ts'),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    boards: { type: 'string' },
    only: { type: 'string' },
    against: { type: 'string' },
  },
});
const [name = ''] = positionals;
const suite = suites[name];
if (!suite) {
  process.stderr.write(`bench: ${name ? `no suite is called ${name}` : 'which suite?'} There are: ${Object.keys(suites).join(', ')}\n`);
  process.exit(2);
}
const boards = values.boards === undefined ? undefined : Number(values.boards);
if (boards !== undefined && !(Number.isInteger(boards) && boards > 0)) {
  process.stderr.write('bench: --boards is a number above 0\n');
  process.exit(2);
}
ensureTools(['podman', 'kubectl', 'busybox']);
const { run } = await suite();
await run(
  (figure) => {
    const neat = { ...figure, value: rounded(figure.value) };
    process.stdout.write(`${values.json ? JSON.stringify(neat) : tableLine(figure)}\n`);
  },
  { boards, only: values.only, against: values.against },
);
