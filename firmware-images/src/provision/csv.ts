import type { SettingProblem } from '@flotilla/shared/board-settings/settings-file.js';
import { cellValues, type DeviceCell, type DeviceRow } from './device-list.ts';

interface Cell {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/**
 * A list of devices as a spreadsheet saves it (RFC 4180, with commas, semicolons or tabs): the first line names the fields; an empty cell
 * sets nothing; a cell of a field that may be given several times holds values separated by `;`, or the column is there several times.
 */
export function devicesFromCsv(text: string): { readonly rows: readonly DeviceRow[]; readonly problems: readonly SettingProblem[] } {
  const clean = text.replace(/^\uFEFF/, '');
  const { records, problems } = readRecords(clean, separatorOf(clean));
  const [header = [], ...rest] = records;
  const names = header.map((cell) => cell.text.trim());
  const rows = rest.map((record): DeviceRow => {
    const extra = record[names.length];
    if (extra)
      problems.push({
        line: extra.line,
        column: extra.column,
        field: '',
        message: `the line has more cells than the ${names.length} of the first line`,
      });
    const cells = record.slice(0, names.length).flatMap((cell, index): DeviceCell[] => {
      const field = names[index] ?? '';
      const value = cell.text.trim();
      return value === '' ? [] : cellValues(field, value).map((one) => ({ field, value: one, line: cell.line, column: cell.column }));
    });
    return { line: record[0]?.line ?? 1, cells };
  });
  return { rows, problems };
}

function separatorOf(text: string): string {
  const first = text.split(/\r?\n/, 1)[0] ?? '';
  return [',', ';', '\t'].reduce((best, candidate) => (first.split(candidate).length > first.split(best).length ? candidate : best));
}

function readRecords(text: string, separator: string): { records: Cell[][]; problems: SettingProblem[] } {
  const records: Cell[][] = [];
  const problems: SettingProblem[] = [];
  let record: Cell[] = [];
  let [at, line, lineStart] = [0, 1, 0];
  const newLine = (next: number): void => {
    line++;
    lineStart = next;
  };
  const endRecord = (): void => {
    // Blank lines and comments are for people.
    if (record.some((cell) => cell.text.trim() !== '') && !record[0]?.text.startsWith('#')) records.push(record);
    record = [];
  };
  while (at < text.length) {
    const place = { line, column: at - lineStart + 1 };
    let value = '';
    if (text[at] === '"') {
      at++;
      for (;;) {
        const quote = text.indexOf('"', at);
        if (quote < 0) {
          problems.push({ ...place, field: '', message: 'the quotation mark is not closed' });
          return { records, problems };
        }
        const part = text.slice(at, quote);
        for (const { index } of part.matchAll(/\n/g)) newLine(at + index + 1);
        value += part;
        at = quote + 1;
        if (text[at] !== '"') break;
        value += '"';
        at++;
      }
      const after = /^[^\r\n]*?(?=[\r\n]|$)/.exec(text.slice(at))?.[0] ?? '';
      const stray = after.split(separator, 1)[0]?.trim() ?? '';
      if (stray !== '')
        problems.push({ line, column: at - lineStart + 1, field: '', message: 'something stands behind the closing quotation mark' });
    }
    const end = nextEnd(text, at, separator);
    if (value === '') value = text.slice(at, end);
    record.push({ text: value, ...place });
    at = end;
    if (text[at] === separator) {
      at++;
      if (at === text.length) record.push({ text: '', line, column: at - lineStart + 1 });
      continue;
    }
    at += text.startsWith('\r\n', at) ? 2 : 1;
    endRecord();
    newLine(at);
  }
  if (record.length > 0) endRecord();
  return { records, problems };
}

function nextEnd(text: string, from: number, separator: string): number {
  for (let at = from; at < text.length; at++) if (text[at] === separator || text[at] === '\n' || text[at] === '\r') return at;
  return text.length;
}
