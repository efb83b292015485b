type Rows = readonly (readonly string[])[];

/** Rows in columns, as kubectl prints them; the first is the head. */
export function textTable(rows: Rows): string {
  return tableLines(rows)
    .map((line) => `${line}\n`)
    .join('');
}

/** The same as lines. @param gap between columns */
export function tableLines(rows: Rows, gap = '   '): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(gap)
      .trimEnd(),
  );
}
