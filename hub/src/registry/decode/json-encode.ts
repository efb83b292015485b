interface RawJson {
  /** Text that JSON.stringify takes as it is (ES proposal "JSON.parse source text access", in Node since 21). */
  rawJSON(text: string): unknown;
}

const raw = JSON as JSON & RawJson;

/** JSON in which a bigint is written as its digits: what `decodeJson` reads comes out the same. */
export function stringify(value: unknown, space?: number): string {
  return JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? raw.rawJSON(String(member)) : member), space);
}

/** The same, quicker where there is no bigint, which is nearly always. */
export function encodeJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof TypeError) return stringify(value);
    throw error;
  }
}
