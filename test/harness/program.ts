import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import './owner.ts';
import { until } from './until.ts';

const keptCharacters = 1 << 20;
const alive = new Set<ChildProcess>();
// A test run that ends early takes its programs with it.
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** A program that a test started: what it said, how it ended. */
export class Program {
  readonly name: string;
  readonly pid: number;
  /** The exit status, or the signal's name. */
  readonly ended: Promise<number | string>;
  #stdout = '';
  #stderr = '';
  #end: number | string | undefined;
  readonly #child: ChildProcess;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.pid = child.pid ?? -1;
    this.#child = child;
    alive.add(child);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout = (this.#stdout + text).slice(-keptCharacters);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-keptCharacters);
    });
    this.ended = new Promise((resolve) => {
      const end = (how: number | string): void => {
        alive.delete(child);
        this.#end = how;
        resolve(how);
      };
      child.once('error', (error) => end(error.message));
      child.once('close', (code, signal) => end(code ?? signal ?? 'gone'));
    });
  }

  /** Runs a TypeScript entry under this Node. @param enter what the command line begins with */
  static node(name: string, entry: string, args: readonly string[], options: SpawnOptions = {}, enter: readonly string[] = []): Program {
    const [program = '', ...words] = [...enter, process.execPath, '--disable-warning=ExperimentalWarning', entry, ...args];
    return new Program(name, spawn(program, words, { stdio: 'pipe', ...options }));
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get running(): boolean {
    return this.#end === undefined;
  }

  /** Resolves with what matched on standard output or standard error. @throws Error when the program ends first, or at the deadline */
  async says(pattern: RegExp, deadlineMs?: number): Promise<RegExpExecArray> {
    const heard = (): RegExpExecArray | undefined => pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr) ?? undefined;
    const found = await until(`${this.name} says ${pattern}`, () => heard() ?? (this.running ? undefined : 'ended'), deadlineMs).catch(
      (error: unknown) => {
        throw new Error(`${error instanceof Error ? error.message : error}\n${this.tail()}`);
      },
    );
    if (found !== 'ended') return found;
    throw new Error(`${this.name} ended (${this.#end}) and had not said ${pattern}\n${this.tail()}`);
  }

  /** More of its standard input, which goes on. */
  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** All of its standard input. */
  input(text: string): void {
    this.#child.stdin?.end(text);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** How it ended. */
  async end(signal: NodeJS.Signals): Promise<number | string> {
    if (this.running) this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 30_000);
    const how = await this.ended;
    clearTimeout(timer);
    return how;
  }

  tail(lines = 40): string {
    const last = (text: string): string => text.trimEnd().split('\n').slice(-lines).join('\n');
    return `--- ${this.name}, standard output\n${last(this.#stdout)}\n--- ${this.name}, standard error\n${last(this.#stderr)}\n`;
  }
}
