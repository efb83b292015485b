import type { RequestContext, UserInfo } from '#registry/generic/types.ts';
import type { Exchange } from './exchange.ts';

/** The context of an HTTP request: it keeps the warnings for the answer. */
export class WarningContext implements RequestContext {
  readonly user: UserInfo;
  readonly impersonator?: UserInfo;
  readonly warnings: string[] = [];
  readonly #exchange: Exchange;

  constructor(exchange: Exchange, user: UserInfo, impersonator?: UserInfo) {
    this.#exchange = exchange;
    this.user = user;
    if (impersonator) this.impersonator = impersonator;
  }

  /** Made when somebody asks for it: most requests are over before. */
  get signal(): AbortSignal {
    return this.#exchange.signal;
  }

  get userAgent(): string {
    return this.#exchange.header('user-agent') ?? '';
  }

  warn(message: string): void {
    this.warnings.push(message);
  }
}
