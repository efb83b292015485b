import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const program = `
import { untilSignal } from '${join(import.meta.dirname, 'until-signal.ts')}';
const told = untilSignal();
process.stdout.write('waiting ');
await told;
process.stdout.write('stopping ');
process.stdin.on('data', () => process.exit(0));
`;

async function run(between: (child: ReturnType<typeof start>) => Promise<void>): Promise<unknown> {
  const child = start();
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  await once(child.stdout, 'data');
  await between(child);
  return (await exited)[0];
}
const start = () =>
  spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });

test('signals that come together are one wish to stop', async () => {
  const status = await run(async (child) => {
    child.kill('SIGINT');
    child.kill('SIGTERM');
    child.stdin.write('done');
  });
  expect(status).toBe(0);
});

test('who insists ends the program at once', async () => {
  const status = await run(async (child) => {
    const insisting = setInterval(() => child.kill('SIGINT'), 100);
    child.once('exit', () => clearInterval(insisting));
  });
  expect(status).toBe(130);
});
