import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { type EnrolOptions, type HubAddress, renewEnrolment, shouldRenew } from './enrol.ts';
import type { Enrolment } from './enrolment.ts';
import type { TrustedTime } from './trusted-time.ts';

export interface RenewalOptions extends Pick<EnrolOptions, 'files' | 'dir' | 'http' | 'proxy'> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly time: Pick<TrustedTime, 'bestMs' | 'floorMs' | 'tick'>;
  readonly hubs: readonly HubAddress[];
}

export interface Renewal {
  /** The identity in use. */
  readonly current: Enrolment;
  /** Looks at once: the hub told its time, or a session began. */
  look(): Promise<void>;
  stop(): void;
}

const lookEveryMs = 3_600_000;

/** Keeps the board's certificate renewed. A certificate that ended, or is not valid yet, is no obstacle: the key is the identity. */
export function keepRenewed(first: Enrolment, options: RenewalOptions): Renewal {
  const { clock, hubs, logger, time } = options;
  let current = first;
  let looking: Promise<void> | undefined;
  const renew = async (): Promise<void> => {
    time.tick();
    if (!shouldRenew(current.certificate, time.bestMs())) return;
    try {
      current = await renewEnrolment(options, current, { hubs, floorMs: time.floorMs });
      logger.info('renewed the certificate of this board');
    } catch (error) {
      logger.warn('could not renew the certificate of this board; it stays in use', { error });
    }
  };
  const look = (): Promise<void> => {
    looking ??= renew().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const arm = () =>
    clock.after('agent: certificate renewal', lookEveryMs, () => {
      void look();
      timer = arm();
    });
  let timer = arm();
  return {
    get current() {
      return current;
    },
    look,
    stop: () => timer.cancel(),
  };
}
