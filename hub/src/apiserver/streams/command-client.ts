import type { Status } from '@flotilla/shared/errors/status.js';

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** Who asked for an exec or attach, whatever protocol it speaks. */
export interface CommandClient {
  /** Its input; ends when it closed it. */
  readonly stdin: AsyncIterable<Buffer>;
  /** Calls back with the size of its terminal, now and whenever it changes. */
  onResize(resized: (size: TerminalSize) => void): void;
  /** Resolves when there is room for more; rejects when the client is gone. */
  write(channel: 1 | 2, data: Buffer): Promise<void>;
  /** The last word; resolves when the client took it or went. */
  finish(outcome: Outcome): Promise<void>;
  /** Aborted when the client is gone. */
  readonly gone: AbortSignal;
}

export interface Outcome {
  /** As JSON, for version 4 of the protocol and later. */
  readonly status: Omit<Status, 'kind' | 'apiVersion' | 'code'> & { readonly code?: number };
  /** For clients before version 4; empty for success. */
  readonly text: string;
}
