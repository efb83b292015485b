import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** Where the kernel takes the ports from that it chooses itself, for connections too. */
const chosenFrom = Number(/^\d+/.exec(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'))?.[0] ?? 32_768);
const lowest = 10_000;

/**
 * A port for a server that is stopped and started again at the same one, or that cannot choose by itself. It is none that the kernel
 * gives to a connection meanwhile: while the server is away its own clients, who try again and again, would get it some day.
 */
export async function freePort(): Promise<number> {
  const [from, to] = chosenFrom > lowest + 1000 ? [lowest, chosenFrom] : [chosenFrom, 65_536];
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = from + Math.floor(Math.random() * (to - from));
    if (await isFree(port)) return port;
  }
  throw new Error(`no port between ${from} and ${to} is free`);
}

/** At every address of this machine. */
function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
