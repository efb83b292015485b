import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { debianPackages, run } from '../harness/debian-package.ts';
import { freePort } from '../harness/free-port.ts';
import { LinkProxy } from '../harness/link-proxy.ts';
import { Program } from '../harness/program.ts';

/** OpenSSH over a line of its own: what people would reach a board with. */
export interface SshLine {
  readonly link: LinkProxy;
  /** Copies the file there, or what was copied there back to `file`, by `scp`. */
  copy(file: string, way: 'in' | 'out'): Promise<void>;
  /** `ssh -t … cat`: milliseconds until the terminal shows the key. */
  openEcho(): Promise<{ echo(key: string): Promise<number>; close(): void }>;
  close(): Promise<void>;
}

const lineAddress = '127.0.0.5';

/** A server for whoever runs the bench, with keys of its own. @throws Error where there is none and none can be fetched */
export async function openSshLine(): Promise<SshLine> {
  const sshd = await fetchedServer();
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-bench-ssh-'));
  const port = await freePort();
  let server: Program | undefined;
  let link: LinkProxy | undefined;
  const close = async (): Promise<void> => {
    await link?.close();
    await server?.end('SIGTERM');
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const key = join(dir, 'key');
    await run(dir, 'ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key);
    server = await serve(sshd, dir, port);
    link = await LinkProxy.open(lineAddress, '127.0.0.1', [port]);
    return { link, close, ...client({ port, key, there: join(dir, 'copy') }) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Debian's, with the library that a plain installation has not got; installed nowhere. */
function fetchedServer(): Promise<string> {
  const check = async (dir: string): Promise<void> => {
    const libs = `LD_LIBRARY_PATH=${await libraries(dir)}`;
    await run(dir, 'env', libs, join(dir, 'usr/sbin/sshd'), '-t', '-f', '/dev/null').catch((error: Error) => {
      // It has no key and no user of its own: what it says shows that it runs.
      if (/shared libraries|[Nn]o such file/.test(error.message)) throw error;
    });
  };
  return debianPackages({ name: 'sshd-debian', packages: ['openssh-server', 'libwrap0'], file: 'usr/sbin/sshd', check });
}

async function libraries(dir: string): Promise<string> {
  const lib = join(dir, 'usr/lib');
  return (await readdir(lib))
    .filter((name) => name.includes('-linux-'))
    .map((name) => join(lib, name))
    .join(':');
}

async function serve(sshd: string, dir: string, port: number): Promise<Program> {
  await run(dir, 'ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'host'));
  const config = [
    ...[`Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${join(dir, 'host')}`, `AuthorizedKeysFile ${join(dir, 'key.pub')}`],
    ...['PidFile none', 'StrictModes no', 'UsePAM no', 'PrintMotd no', 'PrintLastLog no', 'PermitRootLogin prohibit-password'],
  ];
  await writeFile(join(dir, 'config'), `${config.join('\n')}\n`);
  const server = join(sshd, 'usr/sbin/sshd');
  const command = ['env', `LD_LIBRARY_PATH=${await libraries(sshd)}`, server, '-D', '-e', '-f', join(dir, 'config')];
  if (userInfo().uid === 0) command.unshift(...(await withItsUser(dir)));
  const program = new Program('sshd', spawn(command[0] ?? '', command.slice(1), { stdio: 'pipe' }));
  await program.says(/Server listening on/);
  return program;
}

/** As root sshd wants a user and a folder of its own: known only in a namespace of mounts of their own. */
async function withItsUser(dir: string): Promise<readonly string[]> {
  const [passwd, enter] = [join(dir, 'passwd'), join(dir, 'enter')];
  await writeFile(passwd, `${await readFile('/etc/passwd', 'utf8')}sshd:x:65533:65533::/run/sshd:/usr/sbin/nologin\n`);
  await writeFile(enter, `set -e\nmount --bind ${passwd} /etc/passwd\nmount -t tmpfs -o mode=755 tmpfs /run\nmkdir /run/sshd\nexec "$@"\n`);
  return ['unshare', '--mount', 'sh', enter];
}

interface Client {
  readonly port: number;
  readonly key: string;
  /** Where copies go, on the other side. */
  readonly there: string;
}

function client({ port, key, there }: Client): Pick<SshLine, 'copy' | 'openEcho'> {
  const settings = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'IdentitiesOnly=yes', 'LogLevel=ERROR', 'BatchMode=yes'];
  const options = ['-F', 'none', '-i', key, ...settings.flatMap((one) => ['-o', one])];
  const at = `${userInfo().username}@${lineAddress}`;
  return {
    async copy(file, way) {
      const paths = way === 'in' ? [file, `${at}:${there}`] : [`${at}:${there}`, file];
      // The old protocol needs no further program there.
      await run('/', 'scp', '-q', '-O', ...options, '-P', String(port), ...paths);
    },
    async openEcho() {
      const child = spawn('ssh', [...options, '-tt', '-p', String(port), at, 'echo up; exec cat'], { stdio: 'pipe' });
      const ssh = new Program('ssh', child);
      await ssh.says(/^up/m);
      return {
        echo(stroke) {
          const beganMs = performance.now();
          return new Promise((resolve, reject) => {
            child.stdout.once('data', () => resolve(performance.now() - beganMs));
            void ssh.ended.then((how) => reject(new Error(`ssh ended (${how})\n${ssh.tail()}`)));
            child.stdin.write(stroke);
          });
        },
        close: () => void child.kill('SIGKILL'),
      };
    },
  };
}
