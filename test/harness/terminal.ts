import { PassThrough } from 'node:stream';
import { Exec, KubeConfig, type V1Status } from '@kubernetes/client-node';
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
  const ended = new Promise<V1Status>((resolve, reject) => {
    const command = ['sh', '-c', options.script];
    new Exec(config).exec('default', options.pod, options.container, command, output, null, input, true, resolve).catch(reject);
  });
  await until('the terminal has its size', () => shown.includes('sized\r\n'));
  input.write(options.types);
  return { status: await ended, shown };
}
