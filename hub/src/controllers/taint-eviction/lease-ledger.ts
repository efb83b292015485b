import type { Pod } from '@flotilla/shared/api/generated/types.js';

/** What the hub knows of leases it granted; implemented by whoever grants them. */
export interface LeaseLedger {
  /** Milliseconds until the last lease of this pod is over on its board, whatever becomes of the board; 0 when it is. */
  overInMs(pod: Pod): number;
  /** Ends the granting, so that somebody else may run in this pod's place. False when its last lease is not over. */
  giveUp(pod: Pod): boolean;
  /** What `giveUp` was for is in the store, or did not work out. */
  settle(pod: Pod): void;
}
