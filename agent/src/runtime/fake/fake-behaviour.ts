/** What a fake container does. Later sources win: the image's script, then its environment (`FAKE_EXIT_AFTER_MS=…`, upper snake case). */
export interface FakeBehaviour {
  /** Ends by itself after this time; runs for ever when undefined. */
  readonly exitAfterMs?: number;
  /** How it ends by itself. */
  readonly exitCode?: number;
  /** Its own end is a kill by the kernel for want of memory (exit code 137). */
  readonly oomKilled?: boolean;
  /** How it answers SIGTERM; `ignore` runs on until SIGKILL. 143 when undefined, as a process without a handler. */
  readonly onTerm?: number | 'ignore';
  /** How long starting takes. */
  readonly startMs?: number;
  /** Creating, or starting, fails with these words. */
  readonly createError?: string;
  readonly startError?: string;
  /** What it writes when it starts, `\n` included; then this line every so often. */
  readonly output?: string;
  readonly repeatEveryMs?: number;
}

/** What a fake registry does with an image. */
export interface FakeImage extends FakeBehaviour {
  /** It is on the board from the start. */
  readonly present?: boolean;
  readonly pullMs?: number;
  /** Pulling fails with these words, for ever or (a list) once for each; an empty string in the list is a pull that works. */
  readonly pullError?: string | readonly string[];
  readonly bytes?: number;
  readonly user?: string;
}

/** The part of the behaviour that a container's environment asks for. */
export function behaviourFromEnv(env: Readonly<Record<string, string>>): FakeBehaviour {
  const number = (name: string): number | undefined => {
    const text = env[`FAKE_${name}`];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!Number.isFinite(value)) throw new Error(`FAKE_${name}=${text} is not a number`);
    return value;
  };
  const onTerm = env['FAKE_ON_TERM'] === 'ignore' ? 'ignore' : number('ON_TERM');
  const found: { [Name in keyof FakeBehaviour]: FakeBehaviour[Name] | undefined } = {
    exitAfterMs: number('EXIT_AFTER_MS'),
    exitCode: number('EXIT_CODE'),
    oomKilled: env['FAKE_OOM_KILLED'] === undefined ? undefined : env['FAKE_OOM_KILLED'] === 'true',
    onTerm,
    startMs: number('START_MS'),
    createError: env['FAKE_CREATE_ERROR'],
    startError: env['FAKE_START_ERROR'],
    output: env['FAKE_OUTPUT'],
    repeatEveryMs: number('REPEAT_EVERY_MS'),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}
