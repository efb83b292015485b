import { resolve } from 'node:path';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { createLogger } from '@flotilla/shared/log/logger.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { untilSignal } from '@flotilla/shared/platform/until-signal.js';
import type { AgentConfig } from '#config/agent-config.ts';
import { createRuntime } from './create-runtime.ts';
import { feedWatchdog } from './feed-watchdog.ts';
import { lockDataDir } from './lock-data-dir.ts';

/**
 * Runs the agent on this machine until SIGINT or SIGTERM; containers go on. The container runtime begins first: the rest of the agent is
 * loaded while it does. @throws Error with a message for whoever typed the command
 */
export async function runAgent(config: AgentConfig): Promise<void> {
  const clock = new SystemClock();
  const files = new SystemFiles();
  const exec = new SystemExec();
  const logger = createLogger({ level: config.logLevel, wallMs: () => clock.wallMs(), write: (line) => void process.stderr.write(line) });
  const stopping = untilTold();
  // From here on: joining may take as long as it likes.
  const watchdog = feedWatchdog({ env: process.env, pid: process.pid, exec, clock, logger });
  const dataDir = resolve(process.env['INIT_CWD'] ?? process.cwd(), config.dataDir);
  await files.mkdir(dataDir, { mode: 0o700 });
  await lockDataDir(dataDir, { clock, logger });
  const runtime = await createRuntime(config, { clock, exec, logger, dataDir });
  runtime.begin?.();
  try {
    const { runBoard } = await import('./run-board.ts');
    await runBoard(config, { clock, exec, files, logger, runtime, dataDir, stopping });
  } catch (error) {
    await runtime.close();
    throw error;
  }
  watchdog.stop();
}

function untilTold(): { readonly done: Promise<void>; readonly signal: AbortSignal } {
  const controller = new AbortController();
  // Started by `up`, the agent ends with it, however that ended.
  const disconnected = new Promise<void>((resolve) => process.once('disconnect', resolve));
  const done = Promise.race([untilSignal(), disconnected]).then(() => controller.abort(new Error('the agent is stopping')));
  return { done, signal: controller.signal };
}
