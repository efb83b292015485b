import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';

interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer; readonly rejectUnauthorized?: boolean };
}

export interface Answer {
  readonly status: number;
  readonly bytes: number;
}

const newline = 0x0a;
const tooMany = 429;
const againMs = 10;

/** Requests whose answers are counted and not looked at, on connections that stay: what is measured is the server. */
export class HttpsLoad {
  readonly #endpoint: Endpoint;
  readonly #agent: Agent;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, ...endpoint.tls });
  }

  /** As the administrator whom a kubeconfig names by a client certificate. */
  static of(kubeconfig: string): HttpsLoad {
    const text = readFileSync(kubeconfig, 'utf8');
    const field = (name: string): string => new RegExp(`${name}: (\\S+)`).exec(text)?.[1] ?? '';
    const pem = (name: string): Buffer => Buffer.from(field(`${name}-data`), 'base64');
    const { hostname: host, port } = new URL(field('server'));
    const tls = { ca: pem('certificate-authority'), cert: pem('client-certificate'), key: pem('client-key') };
    return new HttpsLoad({ host, port: Number(port), tls });
  }

  async call(method: string, path: string, body?: string, contentType = 'application/json'): Promise<Answer> {
    const response = await this.#open(method, path, body, contentType);
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length;
    return { status: response.statusCode ?? 0, bytes };
  }

  /** @throws Error when the answer is not 2xx */
  async ok(method: string, path: string, body?: string, contentType?: string): Promise<Answer> {
    const answer = await this.call(method, path, body, contentType);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status}`);
    return answer;
  }

  /** As `ok`; one that the server has no room for now is sent again until it has. */
  async admitted(method: string, path: string, body: string): Promise<Answer> {
    for (;;) {
      const answer = await this.call(method, path, body);
      if (answer.status < 300) return answer;
      if (answer.status !== tooMany) throw new Error(`${method} ${path}: ${answer.status}`);
      await new Promise((resolve) => setTimeout(resolve, againMs));
    }
  }

  /** Tells how many lines came. Resolves when the answer has begun. */
  async lines(path: string, onLines: (count: number) => void): Promise<{ stop(): void }> {
    const response = await this.#open('GET', path);
    response.on('error', () => {});
    response.on('data', (chunk: Buffer) => {
      let count = 0;
      for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) count++;
      if (count > 0) onLines(count);
    });
    return { stop: () => void response.destroy() };
  }

  close(): void {
    this.#agent.destroy();
  }

  #open(method: string, path: string, body?: string, contentType = 'application/json'): Promise<IncomingMessage> {
    const { host, port } = this.#endpoint;
    return new Promise((resolve, reject) => {
      const headers = {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }),
      };
      const call = request({ host, port, agent: this.#agent, method, path, headers });
      call.on('error', reject);
      call.on('response', resolve);
      call.end(body);
    });
  }
}

/** So many clients, each with one request under way at a time, for so long. */
export async function closedLoop(
  clients: number,
  forMs: number,
  work: () => Promise<unknown>,
): Promise<{ readonly perSecond: number; readonly tookMs: readonly number[] }> {
  const tookMs: number[] = [];
  const beganMs = performance.now();
  const client = async (): Promise<void> => {
    for (let fromMs = beganMs; fromMs - beganMs < forMs; ) {
      await work();
      const nowMs = performance.now();
      tookMs.push(nowMs - fromMs);
      fromMs = nowMs;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { perSecond: (tookMs.length * 1000) / (performance.now() - beganMs), tookMs };
}
