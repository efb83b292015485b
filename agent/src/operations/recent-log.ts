import { createLogger, type Logger } from '@flotilla/shared/log/logger.js';

const mostLines = 400;
const mostBytes = 96 * 1024;
const longestLine = 2048;

/** Keeps the newest lines of the agent's own log in memory, for reports about the board. */
export class RecentLog {
  readonly #lines: string[] = [];
  #bytes = 0;

  /** Oldest first. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** A logger that writes to `logger` and, from level info on, here. */
  over(logger: Logger, wallMs: () => number): Logger {
    return both(logger, createLogger({ level: 'info', wallMs, write: (line) => this.#add(line.trimEnd().slice(0, longestLine)) }));
  }

  #add(line: string): void {
    this.#lines.push(line);
    this.#bytes += line.length;
    while (this.#lines.length > mostLines || this.#bytes > mostBytes) this.#bytes -= this.#lines.shift()?.length ?? 0;
  }
}

function both(one: Logger, other: Logger): Logger {
  const to = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: Record<string, unknown>) => {
    one[level](message, fields);
    other[level](message, fields);
  };
  return {
    debug: to('debug'),
    info: to('info'),
    warn: to('warn'),
    error: to('error'),
    with: (fields) => both(one.with(fields), other.with(fields)),
  };
}
