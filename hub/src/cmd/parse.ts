/** `HOST:PORT`, with IPv6 addresses in brackets. @throws Error that names the option */
export function parseListen(option: string, text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new Error(`${option} ${JSON.stringify(text)} is not HOST:PORT`);
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration as `1h30m` or `90d`, in milliseconds. @throws Error that names the option */
export function parseDuration(option: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new Error(`${option} ${JSON.stringify(text)} is not a duration such as 30m, 1h or 90d`);
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (unitMs[unit ?? ''] ?? 0), 0);
}

/** @throws Error that names the option */
export function parsePort(option: string, text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new Error(`${option} ${JSON.stringify(text)} is not a port`);
  return Number(text);
}

/** @throws Error that names the option */
export function parseSeconds(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${option} ${JSON.stringify(text)} is not a whole number of seconds`);
  return Number(text);
}

/** A number from 1 to 999,999,999. @throws Error that names the option */
export function parseCount(option: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`${option} ${JSON.stringify(text)} is not a number above 0`);
  return Number(text);
}
