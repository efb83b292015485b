import type { DriveProgress } from '@flotilla/firmware-images/flash/flash-image.js';
import { ProgressText } from '@flotilla/firmware-images/flash/progress-text.js';

const lineEveryMs = 10_000;

/** Shows progress on standard error: in place on a terminal, else as a line now and then. */
export function progressScreen(): { show(drives: readonly DriveProgress[], nowMs: number): void; end(): void } {
  const text = new ProgressText();
  const terminal = process.stderr.isTTY;
  let shown = 0;
  let toldMs = Number.NEGATIVE_INFINITY;
  return {
    show(drives, nowMs) {
      const lines = text.lines(drives, nowMs);
      if (!terminal) {
        if (nowMs - toldMs < lineEveryMs) return;
        toldMs = nowMs;
        process.stderr.write(`${lines.join('\n')}\n`);
        return;
      }
      const up = shown > 0 ? `\u001b[${shown}A` : '';
      const width = process.stderr.columns ?? 80;
      process.stderr.write(up + lines.map((line) => `\u001b[2K${line.slice(0, width - 1)}\n`).join(''));
      shown = lines.length;
    },
    end() {
      shown = 0;
    },
  };
}
