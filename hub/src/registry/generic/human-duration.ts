/** A duration as Kubernetes shows it to people: two or three significant figures (apimachinery, util/duration). */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return `${minutes}m${unless(seconds % 60, 's')}`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return `${hours}h${unless(minutes % 60, 'm')}`;
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (days < 8) return `${days}d${unless(hours % 24, 'h')}`;
  if (days < 730) return `${days}d`;
  const years = Math.trunc(days / 365);
  return days < 2920 ? `${years}y${unless(days % 365, 'd')}` : `${years}y`;
}

function unless(rest: number, unit: string): string {
  return rest === 0 ? '' : `${rest}${unit}`;
}

/** How long ago that was, `<unknown>` without a time. */
export function since(timestamp: string | undefined, nowMs: number): string {
  const then = timestamp ? Date.parse(timestamp) : Number.NaN;
  return Number.isNaN(then) ? '<unknown>' : humanDuration(nowMs - then);
}
