import type { DriveProgress } from './flash-image.ts';

const windowMs = 5_000;
const barWidth = 24;

/** Rates over the last seconds, and the lines that show them. */
export class ProgressText {
  readonly #samples = new Map<string, { readonly atMs: number; readonly bytes: number }[]>();

  /** One line for each drive: its bar, how much, how fast, how long still. */
  lines(drives: readonly DriveProgress[], nowMs: number): string[] {
    return drives.map((drive) => this.#line(drive, nowMs));
  }

  #line({ path, phase, doneBytes, totalBytes, error }: DriveProgress, nowMs: number): string {
    if (phase === 'failed') return `${path}  failed: ${error}`;
    if (phase === 'done') return `${path}  done`;
    const rate = this.#rate(`${path} ${phase}`, doneBytes, nowMs);
    const speed = rate > 0 ? `${(rate / 1e6).toFixed(1)} MB/s` : '';
    if (!totalBytes) return [path, phase, `${(doneBytes / 1e6).toFixed(0)} MB`, speed].join('  ').trimEnd();
    const share = Math.min(1, doneBytes / totalBytes);
    const bar = '='.repeat(Math.round(share * barWidth)).padEnd(barWidth);
    const left = rate > 0 ? `${duration((totalBytes - doneBytes) / rate)} left` : '';
    return [path, phase.padEnd(9), `[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %`, speed, left].join('  ').trimEnd();
  }

  #rate(key: string, bytes: number, nowMs: number): number {
    const samples = this.#samples.get(key) ?? [];
    this.#samples.set(key, samples);
    samples.push({ atMs: nowMs, bytes });
    while (samples.length > 2 && nowMs - (samples[1]?.atMs ?? nowMs) >= windowMs) samples.shift();
    const [first] = samples;
    return first && nowMs > first.atMs ? ((bytes - first.bytes) * 1000) / (nowMs - first.atMs) : 0;
  }
}

function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const minutes = Math.floor(whole / 60);
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
