/** Keys are ordered by their UTF-8 bytes, which is the order of code points; UTF-16 units differ from it above U+D7FF. */
export function compareKeys(left: string, right: string): number {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const one = left.charCodeAt(at);
    const other = right.charCodeAt(at);
    if (one === other) continue;
    // A surrogate stands for a code point above U+FFFF and so comes after every unit that is none.
    if (one >= 0xd800 && other >= 0xd800) return weight(one) - weight(other);
    return one - other;
  }
  return left.length - right.length;
}

function weight(unit: number): number {
  return unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** The first key after all keys with this prefix; undefined when nothing can follow them. */
export function prefixEnd(prefix: string): string | undefined {
  const points = [...prefix];
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) ?? 0;
    if (point >= 0x10ffff) continue;
    // Lone surrogates have no UTF-8 form: the code point after U+D7FF is U+E000.
    return points.join('') + String.fromCodePoint(point + 1 === 0xd800 ? 0xe000 : point + 1);
  }
  return undefined;
}
