import { PassThrough } from 'node:stream';
import { Exec, KubeConfig, type V1Status } from '@kubernetes/client-node';
import { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js';
import { WebSocket } from 'ws';
import { until } from './until.ts';

export interface InTerminal {
  readonly kubeconfig: string;
  readonly pod: string;
  readonly container: string;
  /** It says `sized` when the terminal has 33 rows and 101 columns, and then reads a line. */
  readonly script: string;
  readonly types: string;
}

/** Waits for a terminal of 33 rows and 101 columns. */
export const untilSized = 'until [ "$(stty size)" = "33 101" ]; do sleep 0.1; done; echo sized >&2';

/** `exec -it`, for kubectl wants a terminal of its own: what was shown, and how the program ended. */
export async function inTerminal(options: InTerminal): Promise<{ readonly shown: string; readonly status: V1Status }> {
  const config = new KubeConfig();
  config.loadFromFile(options.kubeconfig);
  const [output, input] = [Object.assign(new PassThrough(), { rows: 33, columns: 101 }), new PassThrough()];
  let shown = '';
  output.on('data', (data: Buffer) => (shown += data.toString()));
  const over = Promise.withResolvers<V1Status>();
  const sockets = new WebSocketHandler(config, (uri, protocols, how) => {
    const socket = new WebSocket(uri, protocols, how);
    socket.on('unexpected-response', (_request, answer) => {
      let words = '';
      answer.on('data', (data: Buffer) => (words += data.toString()));
      answer.on('close', () => over.reject(new Error(`refused with ${answer.statusCode}: ${words}`)));
    });
    return socket;
  });
  const { pod, container, script } = options;
  new Exec(config, sockets)
    .exec('default', pod, container, ['sh', '-c', script], output, null, input, true, over.resolve)
    .catch(over.reject);
  const early = over.promise.then((status) => {
    throw new Error(`it ended early: ${JSON.stringify(status)}, having shown ${JSON.stringify(shown)}`);
  });
  await Promise.race([until('the terminal has its size', () => shown.includes('sized\r\n')), early]);
  early.catch(() => {});
  input.write(options.types);
  return { status: await over.promise, shown };
}
