import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { containersConf } from '@flotilla/agent/runtime/podman/containers-conf.js';
import { readHostFacts } from '@flotilla/agent/runtime/podman/host-facts.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { endOrphans, endProcess, isThere, ownMark } from './owner.ts';

/** A podman of the tests' own: storage, networks and settings below one temporary folder. */
export interface PodmanPlace {
  readonly dir: string;
  /** For `PodmanRuntimeOptions.storage`. */
  readonly storage: { readonly root: string; readonly runroot: string; readonly tmpdir: string; readonly networkConfigDir: string };
  /** podman's global flags that say the same. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs `podman ARGS` there; its standard output. @throws Error when it fails */
  podman(...args: string[]): Promise<string>;
  /** Removes all of it: pods, processes, mounts, bridges, files. */
  close(): Promise<void>;
}

const prefix = 'flotilla-test-podman-';
const exec = new SystemExec();

/**
 * A fresh place; sweeps first what test runs that were killed left behind.
 * @param enter what a command line begins with to run in the network of this place's machine; the tests' own when left out
 */
export async function podmanPlace(enter: readonly string[] = []): Promise<PodmanPlace> {
  await sweepPodmanPlaces();
  const dir = await mkdtemp(join(tmpdir(), prefix));
  await writeFile(join(dir, 'owner'), ownMark);
  await writeFile(join(dir, 'containers.conf'), containersConf(readHostFacts(), undefined));
  const place = placeAt(dir, enter);
  for (const folder of Object.values(place.storage)) await mkdir(folder, { recursive: true });
  return place;
}

/** Removes the places whose test process is gone. */
async function sweepPodmanPlaces(): Promise<void> {
  // First the agents: one that is left would start podman's service again, and make its pods anew.
  await endOrphans();
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const dir = join(tmpdir(), name);
    if (!(await isOwned(dir))) await removePlace(placeAt(dir));
  }
  // What a failing test started after its place had gone is found by the folder it names.
  for (const pid of await processesOf(join(tmpdir(), prefix), (dir) => !existsSync(dir))) endProcess(pid);
  await sweepNetworks();
}

const netnsDir = '/run/netns';
/** Much longer than podman takes from making a pod's network to starting a process in it. */
const netnsBeginsMs = 600_000;

/** A podman that was killed while it started or removed a pod leaves the pod's network, which no process is in and no storage tells of. */
async function sweepNetworks(): Promise<void> {
  for (const name of await readdir(netnsDir).catch(() => [])) {
    const { mtimeMs } = await stat(join(netnsDir, name)).catch(() => ({ mtimeMs: Date.now() }));
    if (!/^netns-[0-9a-f-]{36}$/.test(name) || Date.now() - mtimeMs < netnsBeginsMs) continue;
    const { code, stdout } = await exec.run('ip', ['netns', 'pids', name]);
    if (code === 0 && stdout.length === 0) await exec.run('ip', ['netns', 'delete', name]);
  }
}

function placeAt(dir: string, enter: readonly string[] = []): PodmanPlace {
  const storage = { root: join(dir, 'root'), runroot: join(dir, 'run'), tmpdir: join(dir, 'tmp'), networkConfigDir: join(dir, 'networks') };
  const flags = [
    '--root',
    storage.root,
    '--runroot',
    storage.runroot,
    '--tmpdir',
    storage.tmpdir,
    '--network-config-dir',
    storage.networkConfigDir,
  ];
  const env = { ...process.env, CONTAINERS_CONF: join(dir, 'containers.conf') };
  const place: PodmanPlace = {
    dir,
    storage,
    flags,
    env,
    podman: async (...args) => {
      const [program = '', ...words] = [...enter, 'podman', ...flags, ...args];
      const { code, stdout, stderr } = await exec.run(program, words, { env, timeoutMs: 120_000 });
      if (code !== 0) throw new Error(`podman ${args.join(' ')}: ${stderr.trim()}`);
      return stdout.toString();
    },
    close: () => removePlace(place),
  };
  return place;
}

async function removePlace(place: PodmanPlace): Promise<void> {
  const { dir, storage } = place;
  for (const args of [
    ['pod', 'rm', '--all', '--force', '--time', '0'],
    ['rm', '--all', '--force', '--time', '0'],
  ]) {
    await place.podman(...args).catch(() => {});
  }
  for (const pid of await processesOf(`${dir}/`)) endProcess(pid);
  for (const file of await readdir(storage.networkConfigDir).catch(() => [])) {
    if (!file.endsWith('.json')) continue;
    const { network_interface: bridge } = JSON.parse(await readFile(join(storage.networkConfigDir, file), 'utf8')) as {
      network_interface?: string;
    };
    if (bridge?.startsWith('flt')) await exec.run('ip', ['link', 'delete', bridge]).catch(() => {});
  }
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  for (const mount of mounts.filter((one) => one.startsWith(`${dir}/`)).reverse()) await exec.run('umount', ['--lazy', mount]);
  // Without root, part of it belongs to users of containers.
  if (process.getuid?.() !== 0) await exec.run('podman', ['unshare', 'rm', '-rf', dir]);
  await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** Processes with a path on their command line that begins like this: conmon and podman's service. */
async function processesOf(path: string, counts: (place: string) => boolean = () => true): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (!/(^|\/)(conmon|podman|sh)$/.test(words[0] ?? '')) continue;
    const places = words.filter((word) => word.includes(path)).map((word) => folderAt(word, word.indexOf(path), path.length));
    if (places.length > 0 && places.every(counts)) found.push(pid);
  }
  return found;
}

/** The path that begins at `from`, up to the first slash after `length` characters. */
function folderAt(word: string, from: number, length: number): string {
  const end = word.indexOf('/', from + length);
  return word.slice(from, end < 0 ? undefined : end);
}

/** Whether the test process that made the place is there; one without a mark may be about to get it. */
async function isOwned(dir: string): Promise<boolean> {
  const mark = await readFile(join(dir, 'owner'), 'utf8').catch(() => '');
  if (mark !== '') return isThere(mark);
  const { mtimeMs = 0 } = await stat(dir).catch(() => ({ mtimeMs: undefined }));
  return Date.now() - mtimeMs < 60_000;
}
