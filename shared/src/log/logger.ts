/** One line of JSON per entry; fields never carry secrets. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
  /** A logger that adds `fields` to each of its entries. */
  with(fields: Record<string, unknown>): Logger;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly wallMs: () => number;
  readonly write: (line: string) => void;
}

export function createLogger(options: LoggerOptions, bound: Record<string, unknown> = {}): Logger {
  const least = levels.indexOf(options.level);
  const log = (level: LogLevel, message: string, fields: Record<string, unknown> = {}): void => {
    if (levels.indexOf(level) < least) return;
    const entry: Record<string, unknown> = { time: new Date(options.wallMs()).toISOString(), level, message };
    for (const [name, value] of Object.entries({ ...bound, ...fields })) {
      entry[name] = value instanceof Error ? describeError(value) : value;
    }
    options.write(`${JSON.stringify(entry, (_, value) => (typeof value === 'bigint' ? String(value) : value))}\n`);
  };
  return {
    debug: (message, fields) => log('debug', message, fields),
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    error: (message, fields) => log('error', message, fields),
    with: (fields) => createLogger(options, { ...bound, ...fields }),
  };
}

/** The message of an error with those of its causes: `outer: inner`. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describeError(error.cause)}`;
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silentLogger,
};
