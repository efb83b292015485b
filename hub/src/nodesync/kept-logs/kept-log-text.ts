import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';

const stamped = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) /;

/** What `kubectl logs` options make of a log whose lines begin with their times. Lines without one count as old as can be. */
export function keptLogText(log: Buffer, options: Omit<LogOptions, 'container' | 'previous' | 'follow'>, nowMs: number): Buffer {
  const { sinceSeconds, sinceTime, tailLines, timestamps = false, limitBytes } = options;
  const sinceMs = sinceTime === undefined ? nowMs - (sinceSeconds ?? Number.POSITIVE_INFINITY) * 1000 : Date.parse(sinceTime);
  let lines = linesOf(log);
  if (tailLines !== undefined) lines = tailLines === 0 ? [] : lines.slice(-tailLines);
  const kept: Buffer[] = [];
  for (const line of lines) {
    const time = stamped.exec(line.toString('latin1', 0, 32))?.[1];
    const atMs = time === undefined ? Number.NEGATIVE_INFINITY : Date.parse(time);
    if (atMs < sinceMs) continue;
    kept.push(time === undefined || timestamps ? line : line.subarray(time.length + 1));
  }
  const all = Buffer.concat(kept);
  return limitBytes === undefined ? all : all.subarray(0, limitBytes);
}

/** With their ends. */
function linesOf(log: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < log.length; ) {
    const end = log.indexOf(0x0a, at);
    const next = end < 0 ? log.length : end + 1;
    lines.push(log.subarray(at, next));
    at = next;
  }
  return lines;
}
