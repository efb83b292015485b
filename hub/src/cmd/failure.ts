import { describeError } from '@flotilla/shared/log/logger.js';

/** One clear line for whoever typed the command; the exit status. */
export function failure(program: string, error: unknown): number {
  process.stderr.write(`${program}: ${explained(error)}\n`);
  return 1;
}

function explained(error: unknown): string {
  const { code, address, port } = error as { code?: string; address?: string; port?: number };
  if (code === 'EADDRINUSE') return `port ${port} of ${address} is in use: another hub may be running, or choose another port`;
  if (code === 'EACCES' && port !== undefined) return `port ${port} of ${address} may not be opened by this user: choose one from 1024 up`;
  if (code === 'ECONNREFUSED') return `nothing answers at ${address}:${port}: is the hub running?`;
  return describeError(error);
}
