import { formatQuantity, parseQuantity, QuantityError } from '@flotilla/shared/quantity/quantity.js';
import type { Check } from './walk.ts';

/** Checks of single values; each gives the value as Kubernetes would store it. */

const int32 = 2 ** 31;
const int64 = 2n ** 63n;

export const stringCheck: Check = {
  goType: 'string',
  zero: () => '',
  check: (value, walk) => (typeof value === 'string' ? value : walk.mismatch(value, 'string')),
};

export const booleanCheck: Check = {
  goType: 'bool',
  zero: () => false,
  check: (value, walk) => (typeof value === 'boolean' ? value : walk.mismatch(value, 'bool')),
};

export const int32Check: Check = {
  goType: 'int32',
  zero: () => 0,
  check: (value, walk) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= -int32 && value < int32) return value;
    return walk.mismatch(value, 'int32');
  },
};

export const int64Check: Check = {
  goType: 'int64',
  zero: () => 0,
  check: (value, walk) => {
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
    if (typeof value === 'bigint' && value >= -int64 && value < int64) return value;
    return walk.mismatch(value, 'int64');
  },
};

export const doubleCheck: Check = {
  goType: 'float64',
  zero: () => 0,
  check: (value, walk) => (typeof value === 'number' || typeof value === 'bigint' ? value : walk.mismatch(value, 'float64')),
};

/** A port number or name, a count or percentage. */
export const intOrStringCheck: Check = {
  goType: 'intstr.IntOrString',
  zero: () => 0,
  check: (value, walk) => (typeof value === 'string' ? value : int32Check.check(value, walk)),
};

export const quantityCheck: Check = {
  goType: 'resource.Quantity',
  zero: () => '0',
  check: (value, walk) => {
    try {
      return canonicalQuantity(typeof value === 'object' ? '{}' : String(value));
    } catch (error) {
      if (error instanceof QuantityError) return walk.fault(error.message);
      throw error;
    }
  },
};

function canonicalQuantity(text: string): string {
  return formatQuantity(parseQuantity(text.trim()));
}

/** Base64 with padding, as Go's StdEncoding takes it: line breaks are skipped. */
export const bytesCheck: Check = {
  goType: '[]uint8',
  zero: () => '',
  check: (value, walk) => {
    if (typeof value !== 'string') return walk.mismatch(value, '[]uint8');
    const text = value.includes('\n') || value.includes('\r') ? value.replaceAll(/[\r\n]/g, '') : value;
    const wrong = illegalBase64(text);
    return wrong === undefined ? text : walk.fault(`illegal base64 data at input byte ${wrong}`);
  },
};

function illegalBase64(text: string): number | undefined {
  const body = /^[A-Za-z0-9+/]*/.exec(text)?.[0].length ?? 0;
  const padding = text.length - body;
  if (padding === 0) return text.length % 4 === 0 ? undefined : text.length - (text.length % 4);
  const expected = (4 - (body % 4)) % 4;
  if (expected > 2 || expected === 0 || text.slice(body, body + expected) !== '='.repeat(expected)) return body;
  return padding > expected ? body + expected : undefined;
}

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(?:Z|([+-])(\d{2}):(\d{2}))$/;

/** Milliseconds of a moment in RFC 3339 form plus its microseconds; undefined when it is none. */
function parseTime(text: string): { milliseconds: number; micros: string } | undefined {
  const match = rfc3339.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, zoneHours = '0', zoneMinutes = '0'] = match;
  const base = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const whole = new Date(base);
  whole.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const rolledOver = whole.getUTCDate() !== Number(day) || whole.getUTCMonth() !== Number(month) - 1 || Number(hour) > 23;
  if (rolledOver || Number(minute) > 59 || Number(second) > 59 || Number(zoneHours) > 24 || Number(zoneMinutes) > 59) return undefined;
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000;
  return { milliseconds: whole.getTime() - (sign === '-' ? -zone : zone), micros: fraction.slice(0, 6).padEnd(6, '0') };
}

function timeCheck(
  goType: string,
  layout: string,
  write: (moment: { milliseconds: number; micros: string }) => string,
  exactly?: RegExp,
): Check {
  return {
    goType,
    zero: () => undefined,
    check: (value, walk) => {
      if (typeof value !== 'string') return walk.mismatch(value, 'string');
      const moment = exactly && !exactly.test(value) ? undefined : parseTime(value);
      if (moment) return write(moment);
      const [rest, part] = unread(value, exactly !== undefined);
      return walk.fault(`parsing time ${JSON.stringify(value)} as "${layout}": cannot parse ${JSON.stringify(rest)} as "${part}"`);
    },
  };
}

/** Where Go's `time.Parse` stops, and what it expected there. */
function unread(text: string, micro: boolean): [string, string] {
  const start = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.exec(text)?.[0];
  if (start === undefined || !micro) return [text, '2006'];
  const rest = text.slice(start.length);
  const fraction = /^\.\d{6}/.exec(rest)?.[0];
  return fraction === undefined ? [rest, '.000000'] : [rest.slice(fraction.length), 'Z07:00'];
}

const seconds = (milliseconds: number): string => new Date(milliseconds).toISOString().slice(0, 19);

export const timeOfSeconds = timeCheck('v1.Time', '2006-01-02T15:04:05Z07:00', ({ milliseconds }) => `${seconds(milliseconds)}Z`);

export const timeOfMicros = timeCheck(
  'v1.MicroTime',
  '2006-01-02T15:04:05.000000Z07:00',
  ({ milliseconds, micros }) => `${seconds(milliseconds)}.${micros}Z`,
  /T\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/,
);

/** RawExtension and arbitrary JSON: kept as it came. */
export const anyCheck: Check = { goType: 'runtime.RawExtension', zero: () => null, check: (value) => value };
