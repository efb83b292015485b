import { createServer } from 'node:net';
import type { Duplex } from 'node:stream';

/** The door to programs that connect to this machine. A fake with the same shape is in fake-listeners.ts. */
export interface Listeners {
  /** Takes TCP connections at one address of this machine. @throws Error with the system's code: EADDRINUSE, EADDRNOTAVAIL */
  listen(at: { readonly host: string; readonly port: number }, accept: (connection: Duplex) => void): Promise<Listener>;
}

export interface Listener {
  /** Takes no more; what is open stays. */
  close(): void;
  /** Whether the network that it was opened on is still there: one with the same addresses may have been made since. Left out where it stays. */
  current?(): Promise<boolean>;
}

export class SystemListeners implements Listeners {
  listen({ host, port }: { readonly host: string; readonly port: number }, accept: (connection: Duplex) => void): Promise<Listener> {
    return new Promise((resolve, reject) => {
      // Either side may have said all it has to say while the other goes on.
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
        socket.on('error', () => socket.destroy());
        accept(socket);
      });
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, () => {
        server.off('error', reject);
        server.on('error', () => {});
        server.unref();
        resolve({ close: () => void server.close() });
      });
    });
  }
}
