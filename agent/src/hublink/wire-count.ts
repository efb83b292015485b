/** As much of a socket as is needed to count what went over it. */
interface Counted {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  once(event: 'close', listener: () => void): unknown;
}

/** Bytes of all connections to the hub since this agent started, as they travel: with TLS, without the headers of TCP and IP. */
export class WireCount {
  readonly #open = new Set<Counted>();
  #closedUp = 0;
  #closedDown = 0;
  connections = 0;

  count(socket: Counted): void {
    this.connections++;
    this.#open.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#closedUp += socket.bytesWritten;
      this.#closedDown += socket.bytesRead;
    });
  }

  get up(): number {
    return [...this.#open].reduce((sum, { bytesWritten }) => sum + bytesWritten, this.#closedUp);
  }

  get down(): number {
    return [...this.#open].reduce((sum, { bytesRead }) => sum + bytesRead, this.#closedDown);
  }
}
