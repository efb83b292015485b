import { readFileSync } from 'node:fs';
import { ChannelClient } from '@flotilla/hub/apiserver/streams/channel-client-fixture.js';

/** `exec -it box -- cat`, or of another pod, as kubectl opens it, without kubectl's own start. */
export class BenchTerminal {
  readonly closed: Promise<number>;
  readonly #client: ChannelClient;

  private constructor(client: ChannelClient) {
    this.#client = client;
    this.closed = client.closed;
  }

  static async open(kubeconfig: string, pod = 'box'): Promise<BenchTerminal> {
    const text = readFileSync(kubeconfig, 'utf8');
    const field = (name: string): string => new RegExp(`${name}: (\\S+)`).exec(text)?.[1] ?? '';
    const pem = (name: string): string => Buffer.from(field(`${name}-data`), 'base64').toString();
    const url = `${field('server').replace('https', 'wss')}/api/v1/namespaces/default/pods/${pod}/exec?command=cat&stdin=1&stdout=1&tty=1`;
    const identity = { ca: pem('certificate-authority'), cert: pem('client-certificate'), key: pem('client-key') };
    return new BenchTerminal(await ChannelClient.open(url, ['v5.channel.k8s.io'], identity));
  }

  /** Milliseconds until the terminal shows the key. */
  echo(key: string): Promise<number> {
    const beganMs = performance.now();
    return new Promise((resolve, reject) => {
      this.#client.heard = (message) => {
        if (message[0] === 1 && message.includes(key)) resolve(performance.now() - beganMs);
      };
      void this.closed.then((code) => reject(new Error(`the terminal was closed with ${code}`)));
      this.#client.send(Buffer.from(`\0${key}`));
    });
  }

  close(): void {
    this.#client.close();
  }
}
