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
  /** This board is another node from its next start on. */
  readonly renamed?: (node: string) => void;
}

export interface Renewal {
  /** The identity in use. */
  readonly current: Enrolment;
  /** Looks at once: the hub told its time, or a session began. */
  look(): Promise<void>;
  /** The hub does not know this key under this name: asks, now and then, whether it has another one. */
  refused(): void;
  stop(): void;
}

const lookEveryMs = 3_600_000;
const askEveryMs = 60_000;

/** Keeps the board's certificate renewed. A certificate that ended, or is not valid yet, is no obstacle: the key is the identity. */
export function keepRenewed(first: Enrolment, options: RenewalOptions): Renewal {
  const { clock, hubs, logger, time } = options;
  let current = first;
  let looking: Promise<void> | undefined;
  let askedMs = Number.NEGATIVE_INFINITY;
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
  const ask = async (): Promise<void> => {
    const { node } = current;
    try {
      current = await renewEnrolment(options, current, { hubs, floorMs: time.floorMs });
    } catch (error) {
      logger.warn('the hub does not know this board', { node, error });
      return;
    }
    if (current.node === node) return;
    logger.warn('this board took the place of another node', { node, now: current.node });
    options.renamed?.(current.node);
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
    refused() {
      if (clock.monotonicMs() - askedMs < askEveryMs) return;
      askedMs = clock.monotonicMs();
      void ask();
    },
    stop: () => timer.cancel(),
  };
}
