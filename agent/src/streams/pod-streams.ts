import { StatusError, unavailable } from '@flotilla/shared/errors/status.js';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import type { PodReference } from '@flotilla/shared/protocol/link-messages.js';
import type { PodStream, PodStreamRequest } from '@flotilla/shared/protocol/stream-messages.js';
import type { PodSnapshot } from '#pods/pod-doors.ts';
import { type Runtime, RuntimeError } from '#runtime/types.ts';

export interface PodStreamsOptions {
  readonly runtime: Pick<Runtime, 'exec' | 'attach' | 'connect'>;
  readonly logger: Logger;
  /** A pod of this board. */
  readonly snapshot: (uid: string) => PodSnapshot | undefined;
}

/** Opens exec, attach and port-forward streams: to pods of this board, by uid, and to nothing else. */
export class PodStreams {
  readonly #options: PodStreamsOptions;

  constructor(options: PodStreamsOptions) {
    this.#options = options;
  }

  /** As OpenStream has it. @throws StatusError in the kubelet's words */
  async open(request: PodStreamRequest, signal: AbortSignal): Promise<PodStream> {
    const { logger } = this.#options;
    const { kind, pod } = request;
    try {
      const stream = await this.#open(request, signal);
      logger.debug('opened a stream', { kind, pod: pod.uid });
      return stream;
    } catch (error) {
      logger.info('refused a stream', { kind, pod: pod.uid, error: describeError(error) });
      throw inTheKubeletsWords(error, request);
    }
  }

  async #open(request: PodStreamRequest, signal: AbortSignal): Promise<PodStream> {
    const { runtime } = this.#options;
    const snapshot = this.#pod(request.pod);
    if (request.kind === 'forward') {
      const sandbox = snapshot.sandboxes.find(({ ready }) => ready);
      if (!sandbox) throw new StatusError(400, 'BadRequest', `unable to forward port because pod is not running: ${request.pod.name}`);
      return runtime.connect(sandbox, request.port, signal);
    }
    const container = snapshot.sandboxes
      .flatMap(({ containers }) => containers)
      .find(({ name, status }) => name === request.container && status === 'running');
    if (!container) throw containerNotFound(request.container);
    return request.kind === 'exec' ? runtime.exec(container.id, request, signal) : runtime.attach(container.id, request, signal);
  }

  #pod({ namespace, name, uid }: PodReference): PodSnapshot {
    const snapshot = this.#options.snapshot(uid);
    if (snapshot?.record.namespace !== namespace || snapshot.record.name !== name)
      throw new StatusError(404, 'NotFound', 'pod does not exist');
    return snapshot;
  }
}

function inTheKubeletsWords(error: unknown, request: PodStreamRequest): unknown {
  if (!(error instanceof RuntimeError)) return error;
  if (error.reason === 'Unavailable' || error.reason === 'Aborted') return unavailable(error.message, { cause: error });
  if (request.kind !== 'forward') return error.reason === 'NotFound' ? containerNotFound(request.container) : error;
  const words = `failed to connect to port ${request.port} of pod ${JSON.stringify(request.pod.name)}: ${error.message}`;
  return new StatusError(500, 'InternalError', words, undefined, { cause: error });
}

function containerNotFound(name: string): StatusError {
  return new StatusError(404, 'NotFound', `container not found (${JSON.stringify(name)})`);
}
