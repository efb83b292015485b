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
