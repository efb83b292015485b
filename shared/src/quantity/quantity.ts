/**
 * Kubernetes quantities (apimachinery, api/resource): exact to a billionth. Text is read as Kubernetes reads it, rounding up
 * what is finer than a billionth, and written in its canonical form.
 */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

export interface Quantity {
  /** The amount in billionths. */
  readonly nano: bigint;
  /** The family of suffixes it was written with; the canonical form keeps it. */
  readonly format: QuantityFormat;
}

/** A text that is no quantity; the message is Kubernetes' own. */
export class QuantityError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'QuantityError';
  }
}

const formatWrong = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const wrongNumber = 'unable to parse numeric part of quantity';
const wrongSuffix = "unable to parse quantity's suffix";

const billion = 1_000_000_000n;
const thousand = 1000n;
const kibi = 1024n;
/** Amounts in binary notation end at the largest int64. */
const largestBinary = (2n ** 63n - 1n) * billion;

const decimalSuffixes = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const decimalByExponent = new Map([...decimalSuffixes].map(([suffix, exponent]) => [exponent, suffix]));

/** Enough for any amount; longer texts cost time and mean nothing. */
const maxLength = 1024;
const maxExponent = 1000;

/** @throws QuantityError */
export function parseQuantity(text: string): Quantity {
  if (text === '0') return { nano: 0n, format: 'DecimalSI' };
  if (text.length === 0 || text.length > maxLength) throw new QuantityError(formatWrong);
  const match = /^([+-]?)([0-9]*)(?:(\.)([0-9]*))?([^0-9.][\s\S]*)?$/.exec(text);
  if (!match) throw new QuantityError(formatWrong);
  const [, sign, whole = '', , fraction = '', suffix = ''] = match;
  if (!/^[eEinumkKMGTP]*[-+]?[0-9]*$/.test(suffix)) throw new QuantityError(formatWrong);
  const { base, exponent, format } = scaleOf(suffix);
  if (whole === '' && fraction === '') throw new QuantityError(wrongNumber);
  const digits = BigInt(`${whole}${fraction}`);
  const magnitude = scaled(digits, fraction.length, base, exponent);
  const capped = format === 'BinarySI' && magnitude > largestBinary ? largestBinary : magnitude;
  const small = format === 'BinarySI' && capped > 0n && capped < billion;
  return { nano: sign === '-' ? -capped : capped, format: small ? 'DecimalSI' : format };
}

function scaleOf(suffix: string): { base: 2 | 10; exponent: number; format: QuantityFormat } {
  const decimal = decimalSuffixes.get(suffix);
  if (decimal !== undefined) return { base: 10, exponent: decimal, format: 'DecimalSI' };
  const binary = binarySuffixes.indexOf(suffix);
  if (binary > 0) return { base: 2, exponent: binary * 10, format: 'BinarySI' };
  const match = /^[eE]([-+]?[0-9]+)$/.exec(suffix);
  const exponent = Number(match?.[1]);
  if (!match || Math.abs(exponent) > maxExponent) throw new QuantityError(wrongSuffix);
  return { base: 10, exponent, format: 'DecimalExponent' };
}

/** `digits` × 10^-decimals × base^exponent in billionths, rounded up. */
function scaled(digits: bigint, decimals: number, base: 2 | 10, exponent: number): bigint {
  const tens = 9 - decimals + (base === 10 ? exponent : 0);
  const amount = digits * (base === 2 ? 2n ** BigInt(exponent) : 1n);
  return tens >= 0 ? amount * 10n ** BigInt(tens) : ceilDivide(amount, 10n ** BigInt(-tens));
}

/** The quotient rounded away from zero, which is how Kubernetes rounds: who asks for a little gets a little. */
function ceilDivide(amount: bigint, by: bigint): bigint {
  const quotient = amount / by;
  if (amount % by === 0n) return quotient;
  return amount < 0n ? quotient - 1n : quotient + 1n;
}

/** The canonical text: no fraction, the largest suffix that keeps the amount exact. */
export function formatQuantity({ nano, format }: Quantity): string {
  if (nano === 0n) return '0';
  const fits = nano % billion === 0n && (nano <= -1024n * billion || nano >= 1024n * billion);
  if (format === 'BinarySI' && fits) return inBinary(nano / billion);
  return inDecimal(nano, format === 'DecimalExponent');
}

function inBinary(amount: bigint): string {
  let step = 0;
  let rest = amount;
  while (step < binarySuffixes.length - 1 && rest % kibi === 0n) {
    rest /= kibi;
    step++;
  }
  return `${rest}${binarySuffixes[step] ?? ''}`;
}

function inDecimal(nano: bigint, asExponent: boolean): string {
  let exponent = -9;
  let rest = nano;
  while (rest % thousand === 0n && (asExponent || exponent < 18)) {
    rest /= thousand;
    exponent += 3;
  }
  if (asExponent) return exponent === 0 ? `${rest}` : `${rest}e${exponent}`;
  return `${rest}${decimalByExponent.get(exponent) ?? ''}`;
}

/** The text as Kubernetes stores it: `1000m` → `1`, `0.5` → `500m`, `1024Mi` → `1Gi`. @throws QuantityError */
export function canonicalQuantity(text: string): string {
  return formatQuantity(parseQuantity(text));
}

/** In whole units (bytes, cores), rounded up. */
function unitsOf(quantity: Quantity): number {
  return Number(ceilDivide(quantity.nano, billion));
}

/** In thousandths (millicores), rounded up. */
export function milliUnitsOf(quantity: Quantity): number {
  return Number(ceilDivide(quantity.nano, 1_000_000n));
}

const cached = new Map<string, { value: number; milli: number }>();
const cacheSize = 4096;

function numbersOf(text: string): { value: number; milli: number } {
  const known = cached.get(text);
  if (known) return known;
  const quantity = parseQuantity(text);
  const numbers = { value: unitsOf(quantity), milli: milliUnitsOf(quantity) };
  if (cached.size >= cacheSize) cached.clear();
  cached.set(text, numbers);
  return numbers;
}

/** `value('64Mi')` = 67108864; what is not there counts as 0. Remembered, for the scheduler's sake. @throws QuantityError */
export function value(text: string | undefined): number {
  return text === undefined ? 0 : numbersOf(text).value;
}

/** `milliValue('250m')` = 250. @throws QuantityError */
export function milliValue(text: string | undefined): number {
  return text === undefined ? 0 : numbersOf(text).milli;
}

/** -1, 0 or 1, by amount alone. */
export function compareQuantities(left: Quantity, right: Quantity): -1 | 0 | 1 {
  if (left.nano === right.nano) return 0;
  return left.nano < right.nano ? -1 : 1;
}

/** The sum in the format of the first that is not zero. */
export function addQuantities(left: Quantity, right: Quantity): Quantity {
  return { nano: left.nano + right.nano, format: left.nano === 0n ? right.format : left.format };
}

export function subtractQuantities(left: Quantity, right: Quantity): Quantity {
  return addQuantities(left, { nano: -right.nano, format: right.format });
}
