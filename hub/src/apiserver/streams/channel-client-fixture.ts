import { WebSocket } from 'ws';

export interface ChannelClientOptions {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The client's end of a WebSocket with channels, for tests and benches. */
export class ChannelClient {
  readonly messages: Buffer[] = [];
  /** The code it ended with. */
  readonly closed: Promise<number>;
  /** Called with each message. */
  heard: ((message: Buffer) => void) | undefined;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('message', (data) => {
      if (this.heard) this.heard(data as Buffer);
      else this.messages.push(data as Buffer);
    });
  }

  /** @throws Error with the code and the text of a refusal */
  static async open(url: string, protocols: readonly string[], options: ChannelClientOptions): Promise<ChannelClient> {
    const socket = new WebSocket(url, [...protocols], { ...options });
    const client = new ChannelClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.on('error', reject);
      socket.once('unexpected-response', (_, answer) => {
        let text = '';
        answer.on('data', (data: Buffer) => {
          text += data.toString();
        });
        answer.on('end', () => reject(new Error(`${answer.statusCode} ${text}`)));
      });
    });
    return client;
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  send(message: string | Buffer): void {
    this.#socket.send(message);
  }

  close(): void {
    this.#socket.close();
  }

  /** What came on a channel, joined. */
  on(channel: number): string {
    return this.messages.map((message) => (message[0] === channel ? message.subarray(1).toString() : '')).join('');
  }
}
