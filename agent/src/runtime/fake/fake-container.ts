import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { LogRecord } from '../log-filter.ts';
import type { ContainerSpec, ContainerState } from '../types.ts';
import type { FakeBehaviour } from './fake-behaviour.ts';

const maxRecords = 10_000;

export interface FakeContainerOptions {
  readonly id: string;
  readonly imageId: string;
  readonly spec: ContainerSpec;
  readonly behaviour: FakeBehaviour;
  readonly clock: Clock;
  /** Its status changed, or it wrote something. */
  readonly onChange: (what: 'status' | 'log') => void;
}

/** One container of the fake runtime: a state, what it wrote, and the timers that move it. */
export class FakeContainer {
  readonly records: LogRecord[] = [];
  readonly #options: FakeContainerOptions;
  readonly #createdWallMs: number;
  #status: 'created' | 'running' | 'exited' = 'created';
  #startedWallMs: number | undefined;
  #finishedWallMs: number | undefined;
  #exitCode: number | undefined;
  #oomKilled = false;
  #timers: Timer[] = [];
  #exited: (() => void)[] = [];

  constructor(options: FakeContainerOptions) {
    this.#options = options;
    this.#createdWallMs = options.clock.wallMs();
  }

  get id(): string {
    return this.#options.id;
  }

  get spec(): ContainerSpec {
    return this.#options.spec;
  }

  get behaviour(): FakeBehaviour {
    return this.#options.behaviour;
  }

  get running(): boolean {
    return this.#status === 'running';
  }

  state(): ContainerState {
    const { id, spec, imageId } = this.#options;
    return {
      id,
      name: spec.name,
      attempt: spec.attempt,
      hash: spec.hash,
      image: spec.image,
      imageId,
      status: this.#status,
      createdWallMs: this.#createdWallMs,
      startedWallMs: this.#startedWallMs,
      finishedWallMs: this.#finishedWallMs,
      exitCode: this.#exitCode,
      oomKilled: this.#oomKilled,
    };
  }

  start(): void {
    const { clock, behaviour } = this.#options;
    this.#status = 'running';
    this.#startedWallMs = clock.wallMs();
    if (behaviour.output !== undefined) this.write(behaviour.output);
    if (behaviour.output !== undefined && behaviour.repeatEveryMs !== undefined) this.#repeat(behaviour.output, behaviour.repeatEveryMs);
    if (behaviour.exitAfterMs !== undefined) {
      const code = behaviour.oomKilled ? 137 : (behaviour.exitCode ?? 0);
      this.#timers.push(clock.after('fake container exits', behaviour.exitAfterMs, () => this.exit(code, behaviour.oomKilled === true)));
    }
    this.#options.onChange('status');
  }

  exit(code: number, oomKilled = false): void {
    if (!this.running) return;
    for (const timer of this.#timers.splice(0)) timer.cancel();
    this.#status = 'exited';
    this.#finishedWallMs = this.#options.clock.wallMs();
    this.#exitCode = code;
    this.#oomKilled = oomKilled;
    for (const wake of this.#exited.splice(0)) wake();
    this.#options.onChange('status');
  }

  /** Resolves when it no longer runs. */
  untilExit(): Promise<void> {
    return this.running ? new Promise((resolve) => this.#exited.push(resolve)) : Promise.resolve();
  }

  write(text: string): void {
    const time = `${new Date(this.#options.clock.wallMs()).toISOString().slice(0, 23)}000000Z`;
    const lines = text.split('\n');
    const last = lines.pop() ?? '';
    for (const line of lines) this.records.push({ time, endsLine: true, text: Buffer.from(line) });
    if (last) this.records.push({ time, endsLine: false, text: Buffer.from(last) });
    if (this.records.length > maxRecords) this.records.splice(0, this.records.length - maxRecords);
    this.#options.onChange('log');
  }

  #repeat(text: string, everyMs: number): void {
    const timer = this.#options.clock.after('fake container writes', everyMs, () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
      this.write(text);
      this.#repeat(text, everyMs);
    });
    this.#timers.push(timer);
  }
}
