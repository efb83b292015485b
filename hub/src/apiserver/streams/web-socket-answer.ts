import type { WebSocket } from 'ws';
import type { AnswerStream } from '../exchange.ts';

export interface WebSocketAnswer extends AnswerStream {
  /** Aborted when the client is gone. */
  readonly gone: AbortSignal;
}

/** How data becomes messages: text as it is, bytes as they are, or bytes as base64 in text. */
export type MessageForm = 'text' | 'binary' | 'base64';

/** An answer in parts to a client that reads it from a WebSocket: each part is a message. What the client says counts for nothing. */
export function webSocketAnswer(socket: WebSocket, form: MessageForm): WebSocketAnswer {
  const gone = new AbortController();
  let sent: Promise<void> = Promise.resolve();
  socket.once('close', () => gone.abort(new Error('the client went away')));
  // Also of a message that is too large: `ws` has closed then.
  socket.on('error', () => {});
  socket.on('message', () => {});
  return {
    gone: gone.signal,
    get backlog() {
      return socket.bufferedAmount;
    },
    write(data) {
      const message = form === 'base64' ? Buffer.from(data).toString('base64') : data;
      sent = new Promise((resolve, reject) => {
        socket.send(message, { binary: form === 'binary' }, (error) => (error ? reject(error) : resolve()));
      });
      sent.catch(() => {});
    },
    drained: () => sent,
    end: () => socket.close(1000),
    destroy: () => socket.terminate(),
  };
}

const logForms: Readonly<Record<string, MessageForm>> = { 'binary.k8s.io': 'binary', 'base64.binary.k8s.io': 'base64' };

/** The subprotocols of plain data, best first (apimachinery, `wsstream.NewDefaultReaderProtocols`). */
export const readerProtocols = Object.keys(logForms);

export function readerForm(protocol: string | undefined): MessageForm {
  return logForms[protocol ?? ''] ?? 'binary';
}
