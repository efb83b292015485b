import type { Clock } from '@flotilla/shared/clock/clock.js';
import { describeError } from '@flotilla/shared/log/logger.js';
import { type Exec, ExecError } from '@flotilla/shared/platform/exec.js';
import type { OperationReport } from '@flotilla/shared/protocol/operation-messages.js';
import { type Act, prose } from './board-operations.ts';

export interface RebootOptions {
  readonly exec: Pick<Exec, 'run'>;
  readonly clock: Clock;
  /** The command line that has the machine boot anew; what this system has when undefined. */
  readonly command: readonly string[] | undefined;
}

const usual: readonly (readonly string[])[] = [['systemctl', 'reboot'], ['/sbin/reboot']];
const orderMs = 60_000;
const goesDownMs = 600_000;

/**
 * Has the system boot anew, as its init system does: everything that runs is told to end and gets that system's own time for it. That
 * it worked is seen by the next start of the agent, in another boot.
 */
export function reboot({ exec, clock, command }: RebootOptions): Act {
  return async (_operation, signal) => {
    const failures: string[] = [];
    for (const [program = '', ...args] of command ? [command] : usual) {
      const failure = await order(exec, program, args);
      if (failure === undefined) {
        await clock.sleep('operations: going down', goesDownMs, signal).catch(() => {});
        return signal.aborted ? undefined : stillHere;
      }
      failures.push(failure);
    }
    return { phase: 'Failed', message: prose(`The board could not be told to boot: ${failures.join('; ')}`) };
  };
}

const stillHere: OperationReport = {
  phase: 'Unknown',
  message: `The system took the order to boot, and the board was still up ${goesDownMs / 60_000} minutes later; it may go down yet.`,
};

/** Undefined when the system took it, or may have. */
async function order(exec: Pick<Exec, 'run'>, program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { code, stderr } = await exec.run(program, args, { timeoutMs: orderMs });
    return code === 0 ? undefined : `${program} ended with status ${code}${stderr ? `: ${stderr.trim().slice(0, 1000)}` : ''}`;
  } catch (error) {
    return error instanceof ExecError && error.reason === 'timeout' ? undefined : describeError(error);
  }
}
