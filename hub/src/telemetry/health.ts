import { describeError } from '@flotilla/shared/log/logger.js';

/** Throws, or rejects, when what it looks at is not well. */
export type HealthCheck = () => void | Promise<void>;

export interface HealthReport {
  readonly ok: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly excluded: boolean; readonly reason?: string }[];
}

/** Which endpoints a check counts for. `livez`: a restart would help; `readyz`: wait before sending requests. */
export type HealthEndpoint = 'livez' | 'readyz';

/** The named checks behind /livez, /readyz and /healthz. */
export class HealthRegistry {
  readonly #checks = new Map<string, { check: HealthCheck; endpoints: readonly HealthEndpoint[] }>();

  constructor() {
    this.#checks.set('ping', { check: () => {}, endpoints: ['livez', 'readyz'] });
  }

  /** A check of the same name is replaced. */
  add(name: string, check: HealthCheck, endpoints: readonly HealthEndpoint[] = ['livez', 'readyz']): void {
    this.#checks.set(name, { check, endpoints });
  }

  names(endpoint: HealthEndpoint): string[] {
    return [...this.#checks].filter(([, { endpoints }]) => endpoints.includes(endpoint)).map(([name]) => name);
  }

  async run(endpoint: HealthEndpoint, exclude: ReadonlySet<string> = new Set()): Promise<HealthReport> {
    const checks = await Promise.all(
      this.names(endpoint).map(async (name) => {
        if (exclude.has(name)) return { name, ok: true, excluded: true };
        try {
          await this.#checks.get(name)?.check();
          return { name, ok: true, excluded: false };
        } catch (error) {
          return { name, ok: false, excluded: false, reason: describeError(error) };
        }
      }),
    );
    return { ok: checks.every((check) => check.ok), checks };
  }
}
