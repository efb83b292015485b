import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Exec } from '@flotilla/shared/platform/exec.js';

export interface FeedWatchdogOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Gives the service manager a sign of life where it asked for one (sd_notify(3), sd_watchdog_enabled(3)): an agent whose event loop
 * stands still is then killed and started anew, and finds its containers as they were. Does nothing elsewhere.
 */
export function feedWatchdog({ env, pid, exec, clock, logger }: FeedWatchdogOptions): { stop(): void } {
  const withinMs = Number(env['WATCHDOG_USEC']) / 1000;
  const forUs = env['WATCHDOG_PID'] === undefined || Number(env['WATCHDOG_PID']) === pid;
  if (!env['NOTIFY_SOCKET'] || !(withinMs > 0) || !forUs) return { stop: () => {} };
  let timer: Timer | undefined;
  let stopped = false;
  const feed = async (): Promise<void> => {
    try {
      const { code, stderr } = await exec.run('systemd-notify', ['WATCHDOG=1'], { env, timeoutMs: withinMs / 3 });
      if (code !== 0) throw new Error(stderr.trim() || `systemd-notify ended with ${code}`);
    } catch (error) {
      logger.warn('could not give the service manager a sign of life', { error });
    }
    if (!stopped) timer = clock.after('agent: watchdog', withinMs / 3, () => void feed());
  };
  void feed();
  return {
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
