/**
 * What passes between the two halves of a simulated courier (hub/src/broker/simulated, agent/src/hublink). Real couriers speak MQTT.
 */

/** What a board says of itself as it connects, beside what its certificate proves. */
export interface DeviceIntroduction {
  readonly bootId: string;
  /** Serial number of the machine; empty when it has none. */
  readonly serial: string;
  readonly keepAliveMs: number;
}

/** The board's end of a connection. */
export interface DeviceEnd {
  message(topic: string, payload: Buffer): void;
  /** The connection is over; called once. */
  closed(reason: string): void;
  /** A sign of life was answered after the line had been silent for so long. Not every connection tells. */
  pinged?(idleMs: number): void;
}

export interface DevicePipe {
  /** Resolves when it is on its way; says nothing of arrival. */
  send(topic: string, payload: Buffer): Promise<void>;
  close(): void;
  /** Resolves when all that was sent before has reached the other end; costs a few bytes. Missing where the connection cannot tell. */
  arrived?(): Promise<void>;
  /** When the hub's certificate on this connection ends; undefined where there is none. */
  readonly certificateEndMs?: number;
}

/** Opens a connection as one device. @throws ConnectRefused */
export type Dial = (introduction: DeviceIntroduction, end: DeviceEnd) => Promise<DevicePipe>;

/** Why the hub took no connection, in the codes of MQTT 3.1.1's CONNACK. */
export type ConnectRefusal =
  /** 2: another board uses this identity; this one is quarantined. */
  | 'quarantined'
  /** 3: too busy, or this board came too often. */
  | 'busy'
  /** 5: this key is not, or no longer, a board of this hub. */
  | 'unauthorized';

export const connackCodes: Readonly<Record<ConnectRefusal, number>> = { quarantined: 2, busy: 3, unauthorized: 5 };

export class ConnectRefused extends Error {
  readonly refusal: ConnectRefusal;
  /** On the hub: when the board shall come again; it is told so in a message, for which CONNACK has no room. */
  readonly retryAfterMs: number | undefined;

  constructor(refusal: ConnectRefusal, message: string, retryAfterMs?: number) {
    super(message);
    this.name = 'ConnectRefused';
    this.refusal = refusal;
    this.retryAfterMs = retryAfterMs;
  }
}

export const mqttUserName = {
  /** CONNECT carries who is calling in the user name: `BOOTID` or `BOOTID SERIAL`. */
  write: ({ bootId, serial }: Pick<DeviceIntroduction, 'bootId' | 'serial'>): string => (serial ? `${bootId} ${serial}` : bootId),
  read: (userName: string): Pick<DeviceIntroduction, 'bootId' | 'serial'> => {
    const space = userName.indexOf(' ');
    return space < 0 ? { bootId: userName, serial: '' } : { bootId: userName.slice(0, space), serial: userName.slice(space + 1) };
  },
};
