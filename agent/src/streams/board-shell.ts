import { userInfo } from 'node:os';
import { StatusError } from '@flotilla/shared/errors/status.js';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import type { PodStream, ShellRequest } from '@flotilla/shared/protocol/stream-messages.js';
import type { StartedShell } from './pty.ts';

export interface ShellDoor {
  /** Whose shell it is; the agent's own user when undefined. */
  readonly user: string | undefined;
  readonly start: (shell: StartedShell, signal: AbortSignal) => Promise<PodStream>;
}

export interface BoardShellOptions {
  /** Undefined where the board allows none. */
  readonly door: ShellDoor | undefined;
  readonly logger: Logger;
}

const mostShells = 8;
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Opens shells of this machine for operators. Off unless whoever runs the board says otherwise: the hub cannot switch it on. */
export class BoardShell {
  readonly #options: BoardShellOptions;
  #open = 0;

  constructor(options: BoardShellOptions) {
    this.#options = options;
  }

  /** As OpenStream has it. @throws StatusError */
  async open({ by, tty, term }: ShellRequest, signal: AbortSignal): Promise<PodStream> {
    const { logger, door } = this.#options;
    if (!door) {
      logger.warn('refused a shell', { by });
      throw new StatusError(403, 'Forbidden', 'this board allows no shell: its agent was started without --allow-shell');
    }
    if (this.#open >= mostShells) throw new StatusError(429, 'TooManyRequests', `this board has ${mostShells} shells open`);
    this.#open++;
    const over = (how: unknown): void => {
      this.#open--;
      logger.info('a shell ended', { by, ...(how instanceof Error ? { error: describeError(how) } : {}) });
    };
    try {
      const stream = await door.start({ ...shellOf(door.user, term), tty }, signal);
      logger.info('a shell was opened', { by });
      stream.result.then(over, over);
      return stream;
    } catch (error) {
      over(error);
      throw new StatusError(500, 'InternalError', `cannot start a shell: ${describeError(error)}`, undefined, { cause: error });
    }
  }
}

/** A login shell with an environment of its own. */
function shellOf(user: string | undefined, term: string | undefined): Pick<StartedShell, 'command' | 'env' | 'cwd'> {
  const { username, homedir, shell } = userInfo();
  const program = shell || '/bin/sh';
  const env = { PATH: path, LANG: 'C.UTF-8', ...(term ? { TERM: term } : {}) };
  // Its own environment and folder are su's business.
  if (user !== undefined && user !== username) return { command: ['su', '-l', user], env, cwd: '/' };
  const own = { HOME: homedir, USER: username, LOGNAME: username, SHELL: program };
  return { command: [program, '-l'], env: { ...env, ...own }, cwd: homedir || '/' };
}
