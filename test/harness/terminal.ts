import { ChannelClient } from '@flotilla/hub/apiserver/streams/channel-client-fixture.js';
import type { Status } from '@flotilla/shared/errors/status.js';
import { KubeConfig } from '@kubernetes/client-node';
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

const [stdin, stdout, error, resize] = [0, 1, 3, 4];

/**
 * `exec -it`, for kubectl wants a terminal of its own: what was shown, and how the program ended.
 * @throws Error at once when it is refused, with the server's words, or when the program ends before it was asked for its line
 */
export async function inTerminal(options: InTerminal): Promise<{ readonly shown: string; readonly status: Status }> {
  const config = new KubeConfig();
  config.loadFromFile(options.kubeconfig);
  const [cluster, user] = [config.getCurrentCluster(), config.getCurrentUser()];
  const text = (data: string | undefined): string => Buffer.from(data ?? '', 'base64').toString();
  const identity = { ca: text(cluster?.caData), cert: text(user?.certData), key: text(user?.keyData) };
  const query = new URLSearchParams({ container: options.container, stdin: '1', stdout: '1', tty: '1' });
  for (const word of ['sh', '-c', options.script]) query.append('command', word);
  const url = `${cluster?.server.replace('https:', 'wss:')}/api/v1/namespaces/default/pods/${options.pod}/exec?${query}`;
  const client = await ChannelClient.open(url, ['v5.channel.k8s.io'], identity);
  client.send(Buffer.from(`${String.fromCharCode(resize)}{"Width":101,"Height":33}`));
  let over = false;
  void client.closed.then(() => {
    over = true;
  });
  const asked = (): boolean => client.on(stdout).includes('sized\r\n');
  await until('the terminal has its size', () => asked() || over);
  if (!asked()) throw new Error(`the terminal ended early with ${client.on(error)}, having shown ${client.on(stdout)}`);
  client.send(Buffer.from(`${String.fromCharCode(stdin)}${options.types}`));
  await client.closed;
  return { status: JSON.parse(client.on(error)) as Status, shown: client.on(stdout) };
}
