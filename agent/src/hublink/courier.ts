import type { Dial } from '@flotilla/shared/protocol/courier.js';

/**
 * The port to the hub's broker: topics and bytes of one connection at a time, over MQTT (mqtt-courier.ts) or through the simulated
 * broker's `dial`. It makes one attempt; when to try again is the link's business.
 */
export interface Courier {
  /** @throws ConnectRefused when the hub said why, any other error when it could not be reached or is not our hub */
  readonly connect: Dial;
  /** Opens the way for the next `connect`, and says nothing on it: whether the hub is there that attempt will tell. */
  readonly prepare?: () => void;
}
