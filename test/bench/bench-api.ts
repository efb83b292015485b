import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';

export interface WatchEvent {
  readonly type: string;
  readonly object: { readonly metadata: { readonly name: string; readonly resourceVersion: string }; readonly status?: { phase?: string } };
}

/** The hub's API as the administrator, on connections that stay: no client's start is measured. */
export class BenchApi {
  readonly #port: number;
  readonly #agent: Agent;

  constructor(kubeconfig: string, options: { readonly sockets?: number } = {}) {
    const text = readFileSync(kubeconfig, 'utf8');
    const field = (name: string): string => new RegExp(`${name}: (\\S+)`).exec(text)?.[1] ?? '';
    const pem = (name: string): Buffer => Buffer.from(field(`${name}-data`), 'base64');
    this.#port = Number(new URL(field('server')).port);
    const tls = { ca: pem('certificate-authority'), cert: pem('client-certificate'), key: pem('client-key') };
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.sockets ?? 8, ...tls });
  }

  /** The answer's status, and its body once it was read. @throws Error when the connection fails */
  async call(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly text: string }> {
    const response = await this.#open(method, path, body);
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    return { status: response.statusCode ?? 0, text };
  }

  /** @throws Error with the answer when it is not 2xx */
  async ok(method: string, path: string, body?: unknown): Promise<string> {
    const { status, text } = await this.call(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text.slice(0, 500)}`);
    return text;
  }

  /** Every change from now on, over as many watches as it takes: a hub hangs up on who reads too slowly. Resolves when the first stands. */
  async watch(path: string, onEvent: (event: WatchEvent) => void): Promise<{ stop(): void }> {
    let last = (JSON.parse(await this.ok('GET', `${path}?limit=1`)) as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
    let stopped = false;
    let current: IncomingMessage | undefined;
    const follow = async (): Promise<void> => {
      const response = await this.#open('GET', `${path}?watch=1&allowWatchBookmarks=true&resourceVersion=${last}`);
      current = response;
      if (stopped) return void response.destroy();
      let rest = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const event = JSON.parse(line) as WatchEvent;
          if (event.type === 'ERROR') throw new Error(`the watch of ${path} lost its place: ${line}`);
          last = event.object.metadata.resourceVersion;
          if (event.type !== 'BOOKMARK') onEvent(event);
        }
      });
      response.on('error', () => {});
      response.once('close', () => {
        if (!stopped) void follow();
      });
    };
    await follow();
    return {
      stop: () => {
        stopped = true;
        current?.destroy();
      },
    };
  }

  close(): void {
    this.#agent.destroy();
  }

  #open(method: string, path: string, body?: unknown): Promise<IncomingMessage> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const call = request({
        host: '127.0.0.1',
        port: this.#port,
        agent: this.#agent,
        method,
        path,
        headers: {
          accept: 'application/json',
          ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
        },
      });
      call.on('error', reject);
      call.on('response', resolve);
      call.end(payload);
    });
  }
}
