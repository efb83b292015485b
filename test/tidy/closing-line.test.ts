import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const config = resolve(import.meta.dirname, 'planted/closing/vitest.config.ts');

/** Runs the runner over planted files; its last line and exit status. */
function run(filter: string): { line: string; status: number | null } {
  const env: NodeJS.ProcessEnv = { ...process.env };
  // The runner below is a run of its own, not a worker of this one.
  for (const name of Object.keys(env)) if (name.startsWith('VITEST')) delete env[name];
  const result = spawnSync(process.execPath, [resolve(root, 'test/run.ts'), filter, '--config', config], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
  return { line: result.stdout.trimEnd().split('\n').at(-1) ?? '', status: result.status };
}

it.each([
  { filter: 'good/', line: '1 passed, 0 failed, 0 skipped', status: 0, what: 'a file that passes' },
  { filter: 'broken/', line: '0 passed, 1 failed, 0 skipped', status: 1, what: 'a file that cannot be loaded' },
  { filter: 'unhandled/', line: '1 passed, 1 failed, 0 skipped', status: 1, what: 'an unhandled error' },
  { filter: 'empty/', line: '0 passed, 1 failed, 0 skipped', status: 1, what: 'a file without tests' },
  { filter: 'no-such-file', line: '0 passed, 1 failed, 0 skipped', status: 1, what: 'a run without files' },
])('counts $what', ({ filter, line, status }) => {
  expect(run(filter)).toEqual({ line, status });
});
