// Starts a TypeScript entry on a fresh clone with nothing but Node (>= 20.19), npm and git:
//   node shared/setup/run.mjs ENTRY.ts [ARGUMENT …]
// installs the npm packages when the lock file changed, generates what is generated, picks a Node that runs TypeScript, and
// hands over signals and exit status. Everything this file itself has to say goes to standard error.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const stamp = join(root, 'node_modules', '.flotilla-installed');
/** Half of what V8 takes for its young generation by default: a hub with 10,000 pods is 110 MB smaller, and no slower. */
const nodeFlags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=8'];

function fail(message) {
  process.stderr.write(`flotilla: ${message}\n`);
  process.exit(1);
}

/** True when this Node strips types without a flag. */
function stripsTypes(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 22 || (major === 22 && minor >= 18);
}

function installedHash() {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  return hash.update(`${process.platform}-${process.arch}`).digest('hex');
}

/** Whether the npm packages are those of the lock file, so that starting something installs nothing. */
export function isInstalled() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === installedHash();
}

function install() {
  if (isInstalled()) return;
  const wanted = installedHash();
  process.stderr.write('flotilla: installing npm packages …\n');
  const env = { ...process.env };
  // Native addons compile against the headers that came with this Node, where they are at hand, instead of fetching them.
  const prefix = dirname(dirname(process.execPath));
  if (!env.npm_config_nodedir && existsSync(join(prefix, 'include/node/node.h'))) env.npm_config_nodedir = prefix;
  const result = spawnSync('npm', ['ci', '--include=dev', '--include=optional', '--loglevel=error'], {
    cwd: root,
    env,
    stdio: ['ignore', 2, 2],
  });
  if (result.error) fail(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0) fail(`npm ci failed (exit status ${result.status})`);
  rmSync(stamp, { force: true });
  writeFileSync(stamp, wanted);
}

/** The caller's Node when it runs TypeScript as it is, else the one that came as an npm package. */
function typescriptNode() {
  if (stripsTypes(process.versions.node)) return process.execPath;
  const packaged = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(packaged)) return packaged;
  return fail(
    `Node ${process.versions.node} cannot run TypeScript and no newer one is packaged for ${process.platform}-${process.arch}: install Node 22.18 or later`,
  );
}

/** Prepares the clone, then runs the entry; resolves with its exit status. */
export async function run(entry, args) {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) fail(`Node ${process.versions.node} is too old: 20.19 or later is needed`);
  install();
  const { generate } = await import(pathToFileURL(join(root, 'shared/setup/generate.mjs')).href);
  await generate(root);
  const node = typescriptNode();
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ''}` };
  const child = spawn(node, [...nodeFlags, resolve(root, entry), ...args], { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return await new Promise((done) => {
    child.on('error', (error) => fail(`${node} could not be started: ${error.message}`));
    child.on('exit', (code, signal) => done(signal ? 128 + ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 0) : (code ?? 1)));
  });
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [entry, ...args] = process.argv.slice(2);
  if (!entry) fail('usage: node shared/setup/run.mjs ENTRY.ts [ARGUMENT …]');
  process.exit(await run(entry, args));
}
