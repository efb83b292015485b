import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeExec } from '@flotilla/shared/platform/fake-exec.js';
import { describe, expect, it } from 'vitest';
import { feedWatchdog } from './feed-watchdog.ts';

const asked = { NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '60000000', WATCHDOG_PID: '42' };

function start(env: Record<string, string | undefined>, code = 0) {
  const clock = new FakeClock();
  const exec = new FakeExec({ 'systemd-notify': () => ({ code }) });
  return { clock, exec, watchdog: feedWatchdog({ env, pid: 42, exec, clock, logger: silentLogger }) };
}

describe('the sign of life for a service manager', () => {
  it('comes three times in each interval, until the agent stops', async () => {
    const { clock, exec, watchdog } = start(asked);
    await clock.advance(60_000);
    expect(exec.calls.map(({ command, args }) => [command, ...args])).toEqual(
      Array.from({ length: 4 }, () => ['systemd-notify', 'WATCHDOG=1']),
    );
    expect(exec.calls[0]?.options.env).toEqual(asked);
    watchdog.stop();
    await clock.advance(600_000);
    expect(exec.calls).toHaveLength(4);
  });

  it('goes on after one that failed', async () => {
    const { clock, exec } = start(asked, 1);
    await clock.advance(40_000);
    expect(exec.calls).toHaveLength(3);
  });

  it('is given to whoever asked, and only then', async () => {
    for (const env of [{}, { ...asked, NOTIFY_SOCKET: undefined }, { ...asked, WATCHDOG_USEC: '0' }, { ...asked, WATCHDOG_PID: '43' }]) {
      const { clock, exec } = start(env);
      await clock.advance(600_000);
      expect(exec.calls).toEqual([]);
      expect(clock.pending()).toEqual([]);
    }
  });
});
