import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { openPki } from '@flotilla/hub/auth/pki/pki.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { LinkProxy } from '../harness/link-proxy.ts';

/** Bare TLS over a line of its own: what any stream would be measured against that does nothing but carry bytes. */
export interface BareLine {
  readonly link: LinkProxy;
  /** Resolves when all have come, a connection of their own included. */
  carry(bytes: number, way: 'in' | 'out'): Promise<void>;
  openEcho(): Promise<{ echo(key: string): Promise<number>; close(): void }>;
  close(): Promise<void>;
}

const lineAddress = '127.0.0.4';

export async function openBareLine(dir: string): Promise<BareLine> {
  const doors = { files: new SystemFiles(), clock: new SystemClock(), random: new SystemRandom() };
  const { cert, key } = (await openPki({ ...doors, dir: join(dir, 'bare-pki') })).serverTls();
  // The first byte says what is wanted: bytes until the end and then one back, so many bytes, or what comes.
  const server = createServer({ cert, key, allowHalfOpen: true }, async (socket) => {
    socket.on('error', () => {});
    const first = (await once(socket, 'data'))[0] as Buffer;
    const wish = String.fromCharCode(first[0] ?? 0);
    if (wish === 'e') return void socket.pipe(socket);
    if (wish === 'o') return void socket.end(Buffer.alloc(Number(first.toString('latin1', 1))));
    socket.on('end', () => socket.end('.'));
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const link = await LinkProxy.open(lineAddress, '127.0.0.1', [port]);
  const open = async (): Promise<TLSSocket> => {
    const socket = connect({ host: lineAddress, port, rejectUnauthorized: false });
    socket.setNoDelay(true);
    await once(socket, 'secureConnect');
    return socket;
  };
  return {
    link,
    async carry(bytes, way) {
      const socket = await open();
      if (way === 'in') {
        socket.write('i');
        socket.end(Buffer.alloc(bytes));
      } else socket.write(`o${bytes}`);
      socket.resume();
      await once(socket, 'end');
      socket.destroy();
    },
    async openEcho() {
      const socket = await open();
      socket.write('e');
      return {
        async echo(keyStroke) {
          const beganMs = performance.now();
          socket.write(keyStroke);
          await once(socket, 'data');
          return performance.now() - beganMs;
        },
        close: () => void socket.destroy(),
      };
    },
    async close() {
      await link.close();
      server.close();
    },
  };
}
