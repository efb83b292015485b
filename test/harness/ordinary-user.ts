import { randomInt } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type Exec, SystemExec } from '@flotilla/shared/platform/exec.js';
import { endProcess, isThere, ownMark } from './owner.ts';

const exec = new SystemExec();
const prefix = 'flotilla-test-user-';
const repository = resolve(import.meta.dirname, '../..');
const idsOfOne = 65_536;
const firstUid = 61_000;
const firstSubId = 1 << 28;

/**
 * Somebody without root on this machine, with ids of their own for containers: known only in a namespace of mounts of their own, so that
 * the machine's list of users stays as it is. Who runs the tests without root is one already.
 */
export class OrdinaryUser {
  /** What a command line begins with to run as this user. */
  readonly enter: readonly string[];
  readonly #dir: string;
  readonly #number: number | undefined;

  private constructor(dir: string, number: number | undefined) {
    this.#dir = dir;
    this.#number = number;
    this.enter = number === undefined ? [] : ['unshare', '--mount', '--propagation', 'slave', 'sh', join(dir, 'enter')];
  }

  /** Sweeps first what killed test runs left. */
  static async make(): Promise<OrdinaryUser> {
    if (process.getuid?.() !== 0) return new OrdinaryUser('', undefined);
    await sweep();
    const dir = await mkdtemp(join(tmpdir(), prefix));
    const number = randomInt(4_000);
    const uid = firstUid + number;
    const files: Readonly<Record<string, string>> = {
      owner: ownMark,
      number: String(number),
      passwd: `${await readFile('/etc/passwd', 'utf8')}flt:x:${uid}:${uid}::${dir}/home:/bin/sh\n`,
      group: `${await readFile('/etc/group', 'utf8')}flt:x:${uid}:\n`,
      subuid: subIds(number),
      subgid: subIds(number),
      enter: script(dir, uid),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
    await chmod(dir, 0o755);
    await mkdir(join(dir, 'dev'));
    for (const folder of ['home', 'run']) {
      await mkdir(join(dir, folder), { mode: 0o700 });
      await chown(join(dir, folder), uid, uid);
    }
    return new OrdinaryUser(dir, number);
  }

  /** Runs podman as this user, and all else as whoever runs the tests. */
  get podman(): Exec {
    const as = (program: string, args: readonly string[]): [string, string[]] => {
      const [first = '', ...more] = program === 'podman' ? [...this.enter, program, ...args] : [program, ...args];
      return [first, more];
    };
    return {
      run: (program, args, options) => exec.run(...as(program, args), options),
      start: (program, args, options) => exec.start(...as(program, args), options),
    };
  }

  /** Gives them a folder with all that is in it. */
  async own(folder: string): Promise<void> {
    if (this.#number === undefined) return;
    const uid = firstUid + this.#number;
    const { code, stderr } = await exec.run('chown', ['--recursive', `${uid}:${uid}`, folder]);
    if (code !== 0) throw new Error(`chown: ${stderr.trim()}`);
  }

  /** Ends everything of theirs. */
  async close(): Promise<void> {
    if (this.#number !== undefined) await remove(this.#dir, this.#number);
  }
}

const subIds = (number: number): string => `flt:${firstSubId + number * idsOfOne}:${idsOfOne}\n`;

/** Programs and sources stay readable for them where they are in the home of another user. */
function script(dir: string, uid: number): string {
  const needed = [repository, dirname(dirname(process.execPath))];
  return `set -e
dir=${dir}
n=0
hide=
for path in ${needed.map((path) => `'${path}'`).join(' ')}; do
  n=$((n + 1))
  up=$path
  closed=
  while up=$(dirname "$up"); [ "$up" != / ]; do
    case $(stat -c %A "$up") in *x|*t) ;; *) closed=$up ;; esac
  done
  if [ -n "$closed" ]; then
    mkdir -p $dir/kept$n
    mount --rbind "$path" $dir/kept$n
    hide="$hide $closed"
  fi
done
for closed in $(printf '%s\\n' $hide | sort -u); do mount -t tmpfs -o mode=755 tmpfs "$closed"; done
n=0
for path in ${needed.map((path) => `'${path}'`).join(' ')}; do
  n=$((n + 1))
  if [ -d $dir/kept$n ]; then
    mkdir -p "$path"
    mount --rbind $dir/kept$n "$path"
  fi
done
for file in passwd group subuid subgid; do
  [ -e /etc/$file ] || : >/etc/$file
  mount --bind $dir/$file /etc/$file
done
mount -t tmpfs -o mode=755 tmpfs $dir/dev
mknod -m 666 $dir/dev/tun c 10 200
mount --bind $dir/dev/tun /dev/net/tun
cd /
exec setpriv --reuid ${uid} --regid ${uid} --clear-groups env USER=flt HOME=$dir/home XDG_RUNTIME_DIR=$dir/run "$@"
`;
}

async function remove(dir: string, number: number): Promise<void> {
  const [first, last] = [firstSubId + number * idsOfOne, firstSubId + (number + 1) * idsOfOne - 1];
  for (let left = await processesOf(firstUid + number, first, last); left.length > 0; ) {
    left.forEach(endProcess);
    left = await processesOf(firstUid + number, first, last);
  }
  await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** Those that run under this user, or under one of the ids of their containers. */
async function processesOf(uid: number, first: number, last: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const text = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '');
    const own = Number(/^Uid:\s+(\d+)/m.exec(text)?.[1] ?? Number.NaN);
    if (/^State:\s+[ZX]/m.test(text)) continue;
    if (own === uid || (own >= first && own <= last)) found.push(Number(name));
  }
  return found;
}

async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const dir = join(tmpdir(), name);
    const [mark = '', number = ''] = await Promise.all(
      ['owner', 'number'].map((file) => readFile(join(dir, file), 'utf8').catch(() => '')),
    );
    if (mark === '' || number === '' || (await isThere(mark))) continue;
    await remove(dir, Number(number));
  }
}
