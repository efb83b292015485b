import { addValue, combinedFaults, type SettingProblem, type SettingValues } from '@flotilla/shared/board-settings/settings-file.js';
import { settingNamed } from '@flotilla/shared/board-settings/settings-table.js';

/** One value in a list of devices, and where it stands. */
export interface DeviceCell {
  readonly field: string;
  readonly value: string;
  readonly line: number;
  readonly column: number;
}

export interface DeviceRow {
  readonly line: number;
  readonly cells: readonly DeviceCell[];
}

export interface Device {
  readonly hostname: string;
  readonly values: SettingValues;
}

/** More devices are several lists. */
const mostDevices = 10_000;

/**
 * Checks every line of a list before any is used. Values of `common` count for all devices that do not set that field themselves.
 * Names must be there and differ; so must tokens, which are one for each board.
 */
export function checkDevices(
  rows: readonly DeviceRow[],
  common: SettingValues,
): { readonly devices: readonly Device[]; readonly problems: readonly SettingProblem[] } {
  if (rows.length === 0) return { devices: [], problems: [{ field: '', message: 'the list names no device' }] };
  if (rows.length > mostDevices)
    return { devices: [], problems: [{ field: '', message: `the list has more than ${mostDevices} devices` }] };
  const devices: Device[] = [];
  const problems: SettingProblem[] = [];
  const seen = new Map<string, number>();
  for (const row of rows) {
    const own: Record<string, string[]> = {};
    for (const { field, value, line, column } of row.cells) {
      const fault = addValue(own, field, value) ?? repeated(seen, field, value, line);
      if (fault) problems.push({ line, column, field, message: fault });
    }
    const values = { ...common, ...own };
    for (const { field, message } of combinedFaults(values)) {
      const cell = row.cells.find((known) => known.field === field);
      problems.push({ line: cell?.line ?? row.line, column: cell?.column ?? 1, field, message });
    }
    const hostname = own['hostname']?.[0];
    if (hostname) devices.push({ hostname, values });
    else if (!row.cells.some(({ field }) => field === 'hostname'))
      problems.push({ line: row.line, column: 1, field: 'hostname', message: 'is missing: every device of a list needs one' });
  }
  return { devices, problems: problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)) };
}

function repeated(seen: Map<string, number>, field: string, value: string, line: number): string | undefined {
  if (!['hostname', 'token', 'static-ip'].includes(field)) return undefined;
  const key = `${field}=${value}`;
  const before = seen.get(key);
  if (before !== undefined) return `is the same as in line ${before}`;
  seen.set(key, line);
  return undefined;
}

/** Values of a cell that holds several. */
export function cellValues(field: string, text: string): string[] {
  // Comments behind keys may hold anything.
  if (!settingNamed(field)?.many || field === 'ssh-key') return [text];
  return text.split(';').map((part) => part.trim());
}
