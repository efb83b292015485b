import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import { parseCall } from '@flotilla/shared/protocol/call-messages.js';
import type { UpKind } from '@flotilla/shared/protocol/topics.js';
import type { NodeStream } from '#registry/generic/types.ts';
import type { NodeChannel, NodePart } from '../node-part.ts';

export interface ApiCallsOptions {
  /** Hands the API a connection, over which TLS begins anew: who is at its other end must show who he is. `close` ends it. */
  readonly connect: (stream: NodeStream, close: () => void) => void;
  readonly logger: Logger;
}

/** Lets programs in pods speak to the API through their board's one connection (agent/docs/streams.md). */
export class ApiCalls implements NodePart {
  readonly kinds: readonly UpKind[] = ['call'];
  readonly #options: ApiCallsOptions;

  constructor(options: ApiCallsOptions) {
    this.#options = options;
  }

  receive(_kind: UpKind, value: unknown, channel: NodeChannel): void {
    const { session, call } = parseCall(value);
    if (session !== channel.device.epoch) return;
    const { connect, logger } = this.#options;
    const over = new AbortController();
    const stream = channel.open({ kind: 'api', call }, over.signal);
    stream.opened.then(
      () => connect(stream, () => over.abort()),
      (error: unknown) => logger.info('a call to the API came to nothing', { node: channel.device.node, error: describeError(error) }),
    );
  }
}
