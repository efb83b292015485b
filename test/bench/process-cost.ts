import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** Seconds of CPU that a process and its threads have used. Linux counts in hundredths. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Bytes that a process had written to block devices. */
export function writtenBytes(pid: number): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0);
}

/** What TCP carried on the connections that a local port has now, both ways, without headers: TLS is in it. */
export async function carriedBytes(port: number): Promise<{ readonly connections: number; readonly bytes: number }> {
  const { stdout } = await promisify(execFile)('ss', ['-tinHO', 'state', 'established', `sport = :${port}`], { maxBuffer: 1 << 28 });
  const lines = stdout.split('\n').filter((line) => line !== '');
  const sum = (name: string, line: string): number => Number(new RegExp(` ${name}:(\\d+)`).exec(line)?.[1] ?? 0);
  return { connections: lines.length, bytes: lines.reduce((all, line) => all + sum('bytes_sent', line) + sum('bytes_received', line), 0) };
}

/** Cuts the connections that a local port has, as a line that is lost; what they had carried. Where the kernel may not, nothing is cut. */
export async function cutConnections(port: number): Promise<{ readonly connections: number; readonly bytes: number }> {
  const carried = await carriedBytes(port);
  await promisify(execFile)('ss', ['-K', '-tnH', 'state', 'established', `sport = :${port}`], { maxBuffer: 1 << 28 });
  return carried;
}
