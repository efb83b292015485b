import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Pki } from './pki.ts';

export interface RenewalOptions {
  readonly pki: Pick<Pki, 'renew'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Puts the new certificates to use: those of the API, of MQTT, of the admin. Called again at the next look when it fails. */
  readonly renewed: () => void | Promise<void>;
}

/** So seldom that it costs nothing, so often that certificates made by a clock that was wrong do not last. */
const checkMs = 10 * 60_000;

/**
 * Looks whether the hub's certificates come to their end; a hub that is never started anew keeps valid ones. `stop` waits for the look that
 * is under way: nothing is written after it.
 */
export function keepRenewed({ pki, clock, logger, renewed }: RenewalOptions): { stop(): Promise<void> } {
  let stopped = false;
  let checking: Promise<void> = Promise.resolve();
  let unused = false;
  const check = async (): Promise<void> => {
    try {
      unused = (await pki.renew()) || unused;
      if (!unused || stopped) return;
      await renewed();
      unused = false;
      logger.info('the certificates or the session keys of the hub were renewed');
    } catch (error) {
      logger.error('the certificates of the hub could not be renewed; those in use stay', { error });
    }
  };
  const arm = () =>
    clock.after('certificate renewal', checkMs, () => {
      checking = check().finally(() => {
        if (!stopped) timer = arm();
      });
    });
  let timer = arm();
  return {
    stop: () => {
      stopped = true;
      timer.cancel();
      return checking;
    },
  };
}
