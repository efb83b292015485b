/** One figure of a bench, as `npm run bench -- SUITE --json` prints it; a key without a value is left out. */
export interface Figure {
  readonly suite: string;
  /** The goal it belongs to: P4. */
  readonly id: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it is compared with, measured in the same run. */
  readonly baseline?: number;
  readonly ratio?: number;
  /** Compared with `ratio`, or with `value` where there is no baseline. */
  readonly aim?: number;
  readonly better: 'lower' | 'higher';
}

export type Report = (figure: Figure) => void;

/** Rounded to four significant digits: what a measurement is worth. */
export function rounded(value: number): number {
  return Number.parseFloat(value.toPrecision(4));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** A line of the table: figure, baseline, and whether the aim is met. */
export function tableLine(figure: Figure): string {
  const compared = figure.ratio ?? figure.value;
  const met =
    figure.aim === undefined ? '' : (figure.better === 'lower' ? compared <= figure.aim : compared >= figure.aim) ? 'met' : 'missed';
  const columns = [
    figure.id.padEnd(4),
    figure.name.padEnd(58),
    `${rounded(figure.value)} ${figure.unit}`.padEnd(16),
    figure.baseline === undefined ? ''.padEnd(16) : `${rounded(figure.baseline)} ${figure.unit}`.padEnd(16),
    figure.ratio === undefined ? ''.padEnd(8) : `× ${rounded(figure.ratio)}`.padEnd(8),
    figure.aim === undefined ? '' : `${figure.better === 'lower' ? '≤' : '≥'} ${figure.aim} ${met}`,
  ];
  return columns.join(' ').trimEnd();
}
