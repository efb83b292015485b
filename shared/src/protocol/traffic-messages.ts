import { linkLimits } from './limits.ts';
import { Shape } from './shape.ts';

/** What a board's traffic is counted under. */
export const trafficClasses = [
  /** Pings and leases. */
  'heartbeat',
  /** Reports, and the acknowledgements of them. */
  'status',
  /** The part of reports that is events. */
  'events',
  /** The ends of the logs of failed containers. */
  'logs',
  /** Manifests, objects, tokens, operations. */
  'sync',
  /** What somebody reads or does from afar: `kubectl logs`, exec, attach, port-forward. */
  'streams',
  /** What came while images were pulled. */
  'images',
  /** Handshakes of TLS, joining and renewal. */
  'connect',
  /** All else on the board's uplink. */
  'apps',
] as const;
export type TrafficClass = (typeof trafficClasses)[number];

/** What a board holds back when its data budget runs out, the first first. Heartbeats and desired state are never held back. */
export const shedOrder = ['logs', 'metrics', 'pulls', 'streams'] as const;
export type Shed = (typeof shedOrder)[number];

/** Bytes on the wire: since counting began, and in this month of the budget. */
export interface ClassTraffic {
  readonly up: number;
  readonly down: number;
  readonly monthUp: number;
  readonly monthDown: number;
}

export interface BoardTraffic {
  /** In true time, as far as the board knows it. */
  readonly sinceMs: number;
  readonly monthSinceMs: number;
  readonly classes: Readonly<Partial<Record<TrafficClass, ClassTraffic>>>;
  readonly profile: string;
  /** A month, both ways; missing where there is none. */
  readonly budgetBytes?: number;
  readonly overrideUntilMs?: number;
  readonly shed: readonly Shed[];
  readonly keepAliveMs: number;
  /** What the agent wrote since midnight UTC. */
  readonly flash: { readonly bytes: number; readonly syncs: number; readonly budgetBytes?: number };
}

/** `traffic`, up: the board's figures. Unasked they ride along with a report, and not often; asked for they come at once. */
export interface TrafficMessage {
  readonly session: number;
  /** The question that this answers. */
  readonly answer?: number;
  readonly traffic: BoardTraffic;
}

/** `traffic`, down: what are the figures now? */
export interface TrafficQuestion {
  readonly session: number;
  readonly question: number;
}

/** @throws ProtocolError Malformed */
export function parseTrafficQuestion(value: unknown): TrafficQuestion {
  const shape = new Shape('traffic', value);
  return { session: shape.integer('session'), question: shape.integer('question') };
}

/** A class or something held back that is not known here is left out: the board may be newer. @throws ProtocolError Malformed */
export function parseTraffic(value: unknown): TrafficMessage {
  const shape = new Shape('traffic', value);
  const answer = shape.optionalInteger('answer');
  return {
    session: shape.integer('session'),
    ...(answer === undefined ? {} : { answer }),
    traffic: boardTraffic(shape.nested('traffic')),
  };
}

function boardTraffic(shape: Shape): BoardTraffic {
  const classes = shape.nested('classes');
  const flash = shape.nested('flash');
  const shed = shape.list('shed', 16);
  return {
    sinceMs: shape.integer('sinceMs'),
    monthSinceMs: shape.integer('monthSinceMs'),
    classes: Object.fromEntries(
      trafficClasses.filter((name) => classes.has(name)).map((name) => [name, classTraffic(classes.nested(name))]),
    ),
    profile: shape.text('profile', linkLimits.textBytes),
    ...optional(shape, 'budgetBytes'),
    ...optional(shape, 'overrideUntilMs'),
    shed: shedOrder.filter((one) => shed.includes(one)),
    keepAliveMs: shape.integer('keepAliveMs'),
    flash: { bytes: flash.integer('bytes'), syncs: flash.integer('syncs'), ...optional(flash, 'budgetBytes') },
  };
}

function classTraffic(shape: Shape): ClassTraffic {
  return {
    up: shape.integer('up'),
    down: shape.integer('down'),
    monthUp: shape.integer('monthUp'),
    monthDown: shape.integer('monthDown'),
  };
}

function optional(shape: Shape, name: string): Record<string, number> {
  const value = shape.optionalInteger(name);
  return value === undefined ? {} : { [name]: value };
}
