import { type Child, type Exec, ExecError, type RunOptions, type RunResult, type StartOptions } from './exec.ts';

export interface FakeRun {
  readonly code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

export interface FakeChild extends Child {
  readonly command: string;
  readonly args: readonly string[];
  readonly signals: string[];
  /** Ends it, as if by itself. */
  exit(code: number): void;
  line(text: string): void;
}

/** Programs that exist in a table only; what is not in it is not found. */
export class FakeExec implements Exec {
  readonly calls: { readonly command: string; readonly args: readonly string[]; readonly options: RunOptions }[] = [];
  readonly children: FakeChild[] = [];
  readonly #programs: Record<string, (args: readonly string[], options: RunOptions) => FakeRun>;

  constructor(programs: Record<string, (args: readonly string[], options: RunOptions) => FakeRun> = {}) {
    this.#programs = programs;
  }

  async run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    this.calls.push({ command, args, options });
    const program = this.#programs[command];
    if (!program) throw new ExecError('not found', `${command}: no such program`);
    if (options.signal?.aborted) throw new ExecError('aborted', `${command}: given up`, { cause: options.signal.reason });
    const { code = 0, stdout = '', stderr = '' } = program(args, options);
    return { code, stdout: Buffer.from(stdout), stderr, truncated: false };
  }

  async start(command: string, args: readonly string[], options: StartOptions): Promise<Child> {
    if (!this.#programs[command]) throw new ExecError('not found', `${command}: no such program`);
    const { promise, resolve } = Promise.withResolvers<number>();
    const signals: string[] = [];
    const child: FakeChild = {
      pid: 1000 + this.children.length,
      command,
      args,
      signals,
      exited: promise,
      kill: (signal) => {
        signals.push(signal);
        resolve(signal === 'SIGKILL' ? 137 : 143);
      },
      exit: resolve,
      line: options.onLine,
    };
    this.children.push(child);
    return child;
  }
}
