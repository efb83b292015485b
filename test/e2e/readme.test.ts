import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { removeRunDirs } from '../harness/board.ts';
import { findKubectls } from '../harness/kubectl.ts';
import { type PodmanPlace, podmanPlace } from '../harness/podman.ts';
import { Program } from '../harness/program.ts';
import { repository } from '../harness/stack.ts';
import { startUp } from '../harness/up.ts';

// A clone of its own, so that the `.flotilla` of whoever runs the tests stays as it is.
const clone = mkdtempSync(join(tmpdir(), 'flotilla-readme-'));
for (const name of readdirSync(repository)) {
  if (!name.startsWith('.')) symlinkSync(join(repository, name), join(clone, name));
}
const readme = readFileSync(join(repository, 'README.md'), 'utf8');
const { isInstalled } = (await import(join(repository, 'shared/setup/run.mjs'))) as { isInstalled(): boolean };

/** The commands of the blocks of one kind, a line each. */
function commands(kind: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${kind}\\n([^]*?)^\`\`\`$`, 'gm'))].flatMap(([, block = '']) =>
    block.split('\n').filter((line) => line !== ''),
  );
}

let place: PodmanPlace;
let up: Program;
let shell: NodeJS.ProcessEnv;

beforeAll(async () => {
  // `npx flotilla` installs what the lock file says; below running tests that would take the ground away.
  if (!isInstalled()) throw new Error('the npm packages are not those of package-lock.json: start the tests with npm test');
  place = await podmanPlace();
  up = await startUp({ place, typedIn: clone, dataDir: '.flotilla' });
  // `demo-image` and the agent meet in one storage: podman takes it from its own settings, as it does for any user.
  const storage = join(place.dir, 'storage.conf');
  writeFileSync(storage, `[storage]\ndriver = "overlay"\ngraphroot = "${place.storage.root}"\nrunroot = "${place.storage.runroot}"\n`);
  symlinkSync(findKubectls().newest, join(place.dir, 'kubectl'));
  const path = [place.dir, dirname(process.execPath), process.env['PATH']].join(':');
  shell = { ...place.env, PATH: path, HOME: place.dir, CONTAINERS_STORAGE_CONF: storage };
  delete shell['INIT_CWD'];
});
afterAll(async () => {
  await up?.end('SIGTERM');
  await place?.close();
  await removeRunDirs(join(clone, '.flotilla/agent'));
  rmSync(clone, { recursive: true, force: true });
});

test('every command of the tour works as it is written', async () => {
  const tour = commands('sh');
  expect(tour.length).toBeGreaterThan(10);
  const bash = new Program('the tour', spawn('bash', ['-e'], { cwd: clone, env: shell, stdio: 'pipe' }));
  // One shell for all, as a reader has it; it says which command it is at and ends at the first that fails.
  const script = tour.flatMap((line) => [`echo '$ ${line.replaceAll("'", `'\\''`)}'`, line]).join('\n');
  bash.input(script);
  expect(await bash.ended, bash.tail(100)).toBe(0);
  for (const line of tour) expect(bash.stdout).toContain(`$ ${line}\n`);
  expect(bash.stdout).toContain('localhost/flotilla-demo:1\nlocalhost/flotilla-demo:2\n');
  expect(bash.stdout).toMatch(/\nserving as hello-/);
  expect(bash.stdout).toContain('deployment "hello" successfully rolled out');
  expect(bash.stdout).toMatch(/\nf1\.\S+\n$/);
  expect(await place.podman('ps', '--all', '--quiet')).toBe('');
}, 180_000);

test('commands that are only shown exist', async () => {
  const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  const shown = commands('console');
  expect(shown.length).toBeGreaterThan(0);
  for (const line of shown) {
    const [runner, ...words] = line.split(' ');
    if (runner === 'npm') expect(Object.keys(scripts)).toContain(words[0] === 'run' ? words[1] : words[0]);
    else {
      expect(runner).toBe('npx');
      const help = new Program(line, spawn('npx', [words[0] ?? '', '--help'], { cwd: clone, env: shell }));
      expect(await help.ended, help.tail()).toBe(0);
      for (const flag of words.filter((word) => word.startsWith('--'))) expect(help.stdout).toContain(flag);
    }
  }
});

test('the table of commands names scripts that exist', () => {
  const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  for (const [, script = ''] of readme.matchAll(/`npm (?:run )?([a-z:]+)[^`]*`/g)) expect(Object.keys(scripts)).toContain(script);
});

test('every file it points to is there', () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = '']) => path);
  expect(links.length).toBeGreaterThan(5);
  for (const path of links) expect(() => readFileSync(join(repository, path)), path).not.toThrow(/ENOENT/);
});
