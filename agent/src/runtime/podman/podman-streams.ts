import { join } from 'node:path';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { PodStream, TerminalSize } from '@flotilla/shared/protocol/stream-messages.js';
import { socketStream } from '../socket-stream.ts';
import { type AttachRequest, type ExecRequest, RuntimeError, type SandboxState } from '../types.ts';
import { attach } from './container-attach.ts';
import { ContainerExecs } from './container-execs.ts';
import type { HostFacts } from './host-facts.ts';
import { InsideConnector } from './inside-connector.ts';
import { type LibpodAnswer, type LibpodCall, LibpodError } from './libpod-client.ts';
import type { LibpodInspect } from './libpod-types.ts';
import { ociCommand } from './oci-command.ts';
import { connectTo } from './pod-connection.ts';
import { isIn } from './process-table.ts';
import { statusOf } from './sandbox-states.ts';

const inspectAgain = 2;
const inspectAgainMs = 200;

export interface PodmanStreamsOptions {
  readonly clock: Clock;
  readonly exec: Exec;
  readonly log: Logger;
  readonly facts: HostFacts;
  /** The agent's own, in memory. */
  readonly runDir: string;
  /** Of podman's API. */
  readonly socketPath: string;
  readonly inspect: (id: string, signal: AbortSignal | undefined) => Promise<LibpodInspect | undefined>;
  readonly call: (method: 'GET' | 'POST', path: string, call: LibpodCall) => Promise<LibpodAnswer>;
}

/** Exec, attach and connections to pods, with podman. How and why: agent/docs/streams.md. */
export class PodmanStreams {
  readonly #options: PodmanStreamsOptions;
  readonly #execs: ContainerExecs;
  readonly #inside: InsideConnector | undefined;

  constructor(options: PodmanStreamsOptions) {
    this.#options = options;
    const { clock, exec, facts, log, runDir } = options;
    this.#execs = new ContainerExecs({ clock, exec, log, dir: join(runDir, 'execs'), script: facts.found.script });
    const { nsenter } = facts.found;
    this.#inside = nsenter === undefined ? undefined : new InsideConnector({ clock, nsenter, isRoot: facts.isRoot });
  }

  /** Ends what was left by an agent that was killed. */
  sweep(): Promise<void> {
    return this.#execs.sweep();
  }

  /** Ends every exec; attached clients and connections end with their signals. */
  close(): Promise<void> {
    this.#inside?.close();
    return this.#execs.close();
  }

  async exec(containerId: string, request: ExecRequest, signal: AbortSignal): Promise<PodStream> {
    const container = await this.#running(containerId, signal);
    const runtime = await ociCommand(container, this.#options.facts);
    return this.#execs.start({ ...request, containerId, firstPid: container.State.Pid, runtime }, signal);
  }

  async attach(containerId: string, request: AttachRequest, signal: AbortSignal): Promise<PodStream> {
    const { socketPath, call } = this.#options;
    const { Config: config } = await this.#running(containerId, signal);
    let resizing: Promise<unknown> = Promise.resolve();
    const resize = ({ width, height }: TerminalSize): void => {
      if (!config.Tty) return;
      const query = { w: String(width), h: String(height) };
      resizing = resizing.then(() => call('POST', `/containers/${containerId}/resize`, { query, accept: [404, 409, 500] })).catch(() => {});
    };
    return attach({ ...request, socketPath, containerId, resize, tty: config.Tty, hasStdin: config.OpenStdin }, signal);
  }

  async connect({ id, ip }: SandboxState, port: number, signal: AbortSignal): Promise<PodStream> {
    if (ip === undefined) return connectTo('127.0.0.1', port, signal);
    const pid = this.#inside && (await this.#pidInside(id, signal));
    // Where nsenter is missing the pod's own localhost cannot be entered.
    if (!this.#inside || pid === undefined) return connectTo(ip, port, signal);
    return socketStream(await this.#inside.connect(pid, port, signal), signal);
  }

  /** The process that holds the pod's network open. */
  async #pidInside(podId: string, signal: AbortSignal): Promise<number | undefined> {
    const { call, inspect } = this.#options;
    const { body } = await call('GET', `/pods/${podId}/json`, { signal });
    const { InfraContainerID: infra } = body as { InfraContainerID?: string };
    const pid = infra && (await inspect(infra, signal))?.State.Pid;
    return infra && pid && (await isIn(infra, pid)) ? pid : undefined;
  }

  /** What podman fails at once, with much else to do, it may well answer when it is asked again: nothing changes by it. */
  async #inspected(containerId: string, signal: AbortSignal): Promise<LibpodInspect | undefined> {
    const { clock, inspect, log } = this.#options;
    for (let left = inspectAgain; ; left -= 1) {
      try {
        return await inspect(containerId, signal);
      } catch (error) {
        if (left === 0 || !(error instanceof LibpodError) || error.status < 500) throw error;
        log.warn('podman could not tell of a container, once more', { container: containerId, error });
        await clock.sleep('podman: asked again', inspectAgainMs);
      }
    }
  }

  async #running(containerId: string, signal: AbortSignal): Promise<LibpodInspect> {
    const inspected = await this.#inspected(containerId, signal);
    if (!inspected || statusOf(inspected.State.Status) !== 'running')
      throw new RuntimeError('NotFound', `container ${containerId} does not run`);
    return inspected;
  }
}
