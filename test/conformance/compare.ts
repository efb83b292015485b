import type { Answer, Json } from './exchange.ts';

/** Where two answers differ. */
export interface Difference {
  /** A JSON pointer into the answer. */
  readonly at: string;
  readonly recorded: Json | undefined;
  readonly found: Json | undefined;
}

/** Every place in which `found` is not as `recorded`; answers of another status differ as a whole. */
export function compare(recorded: Answer, found: Answer): Difference[] {
  if (recorded.status !== found.status) return [{ at: '', recorded: outline(recorded), found: outline(found) }];
  return walk(recorded as unknown as Json, found as unknown as Json, '');
}

function walk(recorded: Json | undefined, found: Json | undefined, at: string): Difference[] {
  if (JSON.stringify(recorded) === JSON.stringify(found)) return [];
  if (!isTree(recorded) || !isTree(found) || Array.isArray(recorded) !== Array.isArray(found)) return [{ at, recorded, found }];
  const keys = new Set([...Object.keys(recorded), ...Object.keys(found)]);
  const step = (key: string): string => `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return [...keys].flatMap((key) => walk(recorded[key], found[key], step(key)));
}

function outline({ status, warnings = [], body }: Answer): Json {
  const message = isTree(body) ? body['message'] : undefined;
  return { status, warnings, said: message ?? body };
}

function isTree(value: Json | undefined): value is Record<string, Json> {
  return typeof value === 'object' && value !== null;
}

/** For people. */
export function describeDifference({ at, recorded, found }: Difference): string {
  const show = (value: Json | undefined): string => (value === undefined ? '(nothing)' : JSON.stringify(value).slice(0, 400));
  return `${at}\n      Kubernetes ${show(recorded)}\n      here       ${show(found)}`;
}
