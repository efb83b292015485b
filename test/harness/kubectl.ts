import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** The oldest and the newest kubectl on this machine, `kubectl.1.NN` beside the one on PATH counted too; the plain one when it is alone. */
export function findKubectls(): { readonly oldest: string; readonly newest: string } {
  const folders = new Set<string>();
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const command = join(folder, 'kubectl');
    if (existsSync(command)) folders.add(folder).add(dirname(realpathSync(command)));
  }
  const [first] = folders;
  if (first === undefined) throw new Error('there is no kubectl on PATH; npm test installs it');
  const numbered = [...folders].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^kubectl\.1\.\d+$/.test(name))
      .map((name) => ({ path: join(folder, name), minor: Number(name.slice('kubectl.1.'.length)) })),
  );
  numbered.sort((a, b) => a.minor - b.minor);
  const plain = join(first, 'kubectl');
  return { oldest: numbered[0]?.path ?? plain, newest: numbered.at(-1)?.path ?? plain };
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** A real kubectl with a home of its own. */
export class Kubectl {
  readonly #command: string;
  readonly #kubeconfig: string;
  readonly #home = mkdtempSync(join(tmpdir(), 'flotilla-kubectl-'));
  #minor: Promise<number> | undefined;

  constructor(command: string, kubeconfig: string) {
    this.#command = command;
    this.#kubeconfig = kubeconfig;
  }

  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    return spawn(this.#command, ['--kubeconfig', this.#kubeconfig, ...args], {
      env: { PATH: process.env['PATH'], HOME: this.#home, ...env },
      stdio: 'pipe',
    });
  }

  run(args: readonly string[], { input = '', env, timeoutMs = 150_000 }: RunOptions = {}): Promise<Ran> {
    const child = this.start(args, env);
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr?.on('data', (data: Buffer) => (stderr += data.toString()));
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        clearTimeout(timer);
        resolve({ code, stdout, stderr });
      });
    });
  }

  /** NN of its version 1.NN, which it is asked for once. */
  minor(): Promise<number> {
    this.#minor ??= this.ok(['version', '--client', '-o', 'json']).then((said) => {
      const minor = Number.parseInt(JSON.parse(said).clientVersion.minor, 10);
      if (Number.isNaN(minor)) throw new Error(`kubectl does not say its version: ${said}`);
      return minor;
    });
    return this.#minor;
  }

  /** Whether it leaves it to the server to say which fields do not fit; before 1.25 it refuses them itself, in words of its own. */
  async leavesValidationToServer(): Promise<boolean> {
    return (await this.minor()) >= 25;
  }

  /** Its output. @throws Error with what it said when it fails */
  async ok(args: readonly string[], options?: RunOptions): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr || stdout}`);
    return stdout.trim();
  }

  /** What it says when it fails. @throws Error when it succeeds */
  async fails(args: readonly string[], options?: RunOptions): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    if (code === 0) throw new Error(`kubectl ${args.join(' ')} should have failed, but said: ${stdout}`);
    return stderr.trim();
  }

  close(): void {
    rmSync(this.#home, { recursive: true, force: true });
  }
}
