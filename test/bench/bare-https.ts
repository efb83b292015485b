import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openPki } from '@flotilla/hub/auth/pki/pki.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { HttpsLoad } from './https-load.ts';

/** What stands in for a server that does nothing but send bytes: Node's own HTTPS, on a thread of its own. */
export class BareHttps {
  readonly #worker: Worker;
  readonly load: HttpsLoad;

  private constructor(worker: Worker, port: number) {
    this.#worker = worker;
    this.load = new HttpsLoad({ host: '127.0.0.1', port, tls: { rejectUnauthorized: false } });
  }

  static async start(): Promise<BareHttps> {
    const dir = await mkdtemp(join(tmpdir(), 'flotilla-bench-bare-'));
    const pki = await openPki({ files: new SystemFiles(), dir, clock: new SystemClock(), random: new SystemRandom() });
    const { cert, key } = pki.serverTls();
    await rm(dir, { recursive: true, force: true });
    const worker = new Worker(new URL(import.meta.url), { workerData: { bareHttps: { cert, key } } });
    const [port] = (await once(worker, 'message')) as [number];
    return new BareHttps(worker, port);
  }

  async close(): Promise<void> {
    this.load.close();
    await this.#worker.terminate();
  }
}

/** `GET /BYTES` sends so many; `GET /watch` stays open; `POST /event` sends its body to all that do; any other POST is answered as it came. */
function serve({ cert, key }: { readonly cert: string; readonly key: string }): void {
  const watchers = new Set<ServerResponse>();
  const bodies = new Map<string, Buffer>();
  const server = createServer({ cert, key, noDelay: true }, (request, response) => {
    const { method, url = '/' } = request;
    if (method === 'GET' && url === '/watch') {
      watchers.add(response);
      response.on('close', () => watchers.delete(response));
      response.flushHeaders();
      return;
    }
    if (method === 'GET') {
      const body = bodies.get(url) ?? Buffer.alloc(Number(url.slice(1)), 'x');
      bodies.set(url, body);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
      response.end(body);
      return;
    }
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      if (url === '/event') for (const watcher of watchers) watcher.write(body);
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': body.length });
      response.end(body);
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port));
}

if (!isMainThread && (workerData as { bareHttps?: unknown } | null)?.bareHttps) {
  serve((workerData as { bareHttps: { cert: string; key: string } }).bareHttps);
}
