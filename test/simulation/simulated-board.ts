import { type Agent, createAgent } from '@flotilla/agent/agent.js';
import { createHubLink } from '@flotilla/agent/hublink/hub-link.js';
import type { LinkIdentity } from '@flotilla/agent/hublink/link-session.js';
import type { HubLink, LinkHandlers } from '@flotilla/agent/hublink/types.js';
import { FakeHost } from '@flotilla/agent/node/fake-host.js';
import { FakeRuntime, type FakeRuntimeObserver } from '@flotilla/agent/runtime/fake/fake-runtime.js';
import { RuntimeError } from '@flotilla/agent/runtime/types.js';
import { gitVersion } from '@flotilla/shared/api/version.js';
import type { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { type Logger, silentLogger } from '@flotilla/shared/log/logger.js';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import type { Dial } from '@flotilla/shared/protocol/courier.js';
import { Life, MachineClock } from './life.ts';

/** What a test may put between an agent and its link, to look or to plant a mistake. */
export interface LinkHooks {
  handlers?(board: SimulatedBoard, handlers: LinkHandlers): LinkHandlers;
  link?(board: SimulatedBoard, link: HubLink): HubLink;
}

export interface SimulatedBoardOptions {
  readonly node: string;
  readonly seed: number;
  readonly clock: FakeClock;
  readonly identity: Pick<LinkIdentity, 'scope' | 'manifestKeys'>;
  readonly dial: Dial;
  /** The agent's process ended; `noticed`: its kernel lives and closes its connection. */
  readonly gone: (node: string, noticed: boolean) => void;
  readonly observer?: FakeRuntimeObserver;
  readonly hooks?: LinkHooks;
  /** Programs of the machine; without it there are none. */
  readonly exec?: (board: SimulatedBoard) => Pick<Exec, 'run'>;
  readonly logger?: Logger;
}

interface Process {
  readonly life: Life;
  readonly clock: MachineClock;
  readonly agent: Agent;
}

/** As systemd does with a service that fails. */
const restartMs = 5_000;
/** As the client of a real runtime does. */
const runtimeTimeoutMs = 30_000;

/** One machine: a disk and containers that last, a clock of its own, and an agent that can die and start again. */
export class SimulatedBoard {
  readonly node: string;
  readonly files = new FakeFiles();
  readonly runtime: FakeRuntime;
  readonly machine = { wallOffsetMs: 0, bootedMs: 0 };
  /** A write at which the process shall die was reached. */
  onKilledAtWrite: () => void = () => {};
  readonly #options: SimulatedBoardOptions;
  #process: Process | undefined;
  #runs = 0;
  #boots = 0;
  #hang: { readonly over: Promise<void>; end(): void } | undefined;

  constructor(options: SimulatedBoardOptions) {
    this.#options = options;
    this.node = options.node;
    this.runtime = new FakeRuntime({ clock: options.clock, ...(options.observer ? { observer: options.observer } : {}) });
  }

  get agent(): Agent | undefined {
    return this.#process?.agent;
  }

  get running(): boolean {
    return this.#process !== undefined;
  }

  get frozen(): boolean {
    return this.#process?.life.frozen ?? false;
  }

  /** Timers of the agent that have not fired. */
  get timers(): number {
    return this.#process?.clock.pending ?? 0;
  }

  /** Starts an agent on this disk; one that cannot start is started again, as a service manager does. Resolves when it runs or has failed. */
  async start(): Promise<void> {
    if (this.#process) return;
    const { clock: base, node, seed, identity, dial, hooks = {}, observer: _, logger = silentLogger } = this.#options;
    const life = new Life();
    const clock = new MachineClock(base, life, this.machine);
    const random = new SeededRandom(seed * 1009 + ++this.#runs);
    const watches: { stop(): void }[] = [];
    life.onEnd(() => {
      for (const watch of watches) watch.stop();
    });
    const hold = this.#hold(clock);
    const door = life.door(this.runtime, (method, args) => (method === 'watch' || method === 'close' ? undefined : hold(args)));
    const runtime = new Proxy(door, {
      get: (target, name) =>
        name === 'watch'
          ? (changed: (uid: string | undefined) => void) => {
              const watch = this.runtime.watch((uid) => life.run(() => changed(uid)));
              watches.push(watch);
              return watch;
            }
          : Reflect.get(target, name),
    });
    const agent = createAgent(
      { dataDir: '/data', nodeName: node, labels: {}, taints: [], capacity: {}, version: gitVersion },
      {
        clock,
        random,
        files: life.door(this.files),
        logger,
        runtime,
        host: new FakeHost(),
        ...(this.#options.exec ? { exec: this.#options.exec(this) } : {}),
        link: (handlers, parts) => {
          const link = createHubLink({
            courier: {
              connect: (introduction, end) =>
                life.guard(
                  dial(introduction, {
                    message: (topic, payload) => life.run(() => end.message(topic, payload)),
                    closed: (reason) => life.run(() => end.closed(reason)),
                  }),
                ),
            },
            clock,
            random,
            logger,
            identity: { ...identity, agentVersion: gitVersion, bootId: `boot-${this.#boots}-of-${node}`, serial: node },
            handlers: hooks.handlers?.(this, handlers) ?? handlers,
            ...(parts ? { parts } : {}),
          });
          return hooks.link?.(this, link) ?? link;
        },
      },
    );
    const process = { life, clock, agent };
    this.#process = process;
    this.files.onCut = () => {
      this.#end(process, true);
      this.onKilledAtWrite();
    };
    try {
      await life.guard(agent.start());
    } catch {
      this.kill();
      base.after('service manager', restartMs, () => void this.start());
    }
  }

  /** Stops the agent in good order. */
  async stop(): Promise<void> {
    const process = this.#process;
    if (!process) return;
    process.life.thaw();
    await process.agent.stop();
    this.#end(process, true);
  }

  /** SIGKILL: the disk keeps all that was written, containers run on. */
  kill(): void {
    if (this.#process) this.#end(this.#process, true);
    this.files.restore({ keepUnsynced: true });
  }

  /** The agent dies at its n-th write from now; `onKilledAtWrite` is called then, and `kill` or `powerCut` brings the disk back. */
  killAtWrite(steps: number): void {
    this.files.cutAfter(steps);
  }

  /** No process is left, what was not synced is lost, and the next boot has another id. */
  powerCut(): void {
    if (this.#process) this.#end(this.#process, false);
    this.runtime.reboot();
    this.files.restore();
    this.#boots++;
    this.machine.bootedMs = this.#options.clock.monotonicMs();
    this.resumeRuntime();
  }

  /** SIGSTOP of the agent. */
  freeze(): void {
    this.#process?.life.freeze();
  }

  thaw(): void {
    this.#process?.life.thaw();
  }

  /** The runtime answers no call until `resumeRuntime`; containers run on. */
  hangRuntime(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#hang ??= { over: promise, end: resolve };
  }

  resumeRuntime(): void {
    this.#hang?.end();
    this.#hang = undefined;
  }

  #end(process: Process, noticed: boolean): void {
    process.life.end();
    if (this.#process !== process) return;
    this.#process = undefined;
    this.#options.gone(this.node, noticed);
  }

  /** Holds a call up while the runtime hangs; gives up as a real client does. */
  #hold(clock: MachineClock): (args: readonly unknown[]) => Promise<void> | undefined {
    return (args) => {
      const hang = this.#hang;
      if (!hang) return undefined;
      const signal = args.find((arg) => arg instanceof AbortSignal);
      return new Promise((resolve, reject) => {
        const timer = clock.after('runtime does not answer', runtimeTimeoutMs, () =>
          reject(new RuntimeError('Unavailable', 'the runtime did not answer')),
        );
        const give = (): void => {
          timer.cancel();
          reject(new RuntimeError('Aborted', 'the call was aborted'));
        };
        if (signal?.aborted) give();
        signal?.addEventListener('abort', give, { once: true });
        void hang.over.then(() => {
          timer.cancel();
          signal?.removeEventListener('abort', give);
          resolve();
        });
      });
    };
  }
}
