/** JSON of a tree that may have a bigint where an int64 does not fit a number. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? rawJson(String(member)) : member));
}

/** Text that JSON.stringify copies as it is (ES2025 `JSON.rawJSON`, which the type library does not know yet). */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
