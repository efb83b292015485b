import { boardSettings, settingNamed, textFault } from './settings-table.ts';

/** What a board's settings file is called, in the root of the card's boot partition. */
export const settingsFileName = 'flotilla.txt';
/** What the first boot writes beside it: what happened, step by step. */
export const reportFileName = 'flotilla-report.txt';
/** More is no settings file. */
export const settingsFileLimit = 64 * 1024;
const mostValues = 64;

/** The values of a board's settings by the setting's name; what is not set has no entry. */
export type SettingValues = Readonly<Record<string, readonly string[]>>;

export interface SettingProblem {
  /** From 1 on; both are left out where no one place is at fault. */
  readonly line?: number;
  readonly column?: number;
  /** The setting; empty when the line names none. */
  readonly field: string;
  readonly message: string;
}

/**
 * Reads a settings file: `NAME = VALUE` a line, `#` begins a comment line; a value that begins with `"` is a JSON string. Lines end as on
 * any system. Says all that is wrong, not only the first.
 */
export function parseSettingsFile(text: string): { readonly values: SettingValues; readonly problems: readonly SettingProblem[] } {
  const values: Record<string, string[]> = {};
  const problems: SettingProblem[] = [];
  if (text.length > settingsFileLimit) return { values, problems: [{ field: '', message: `is longer than ${settingsFileLimit} bytes` }] };
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  for (const [index, raw] of lines.entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === '' || content.startsWith('#')) continue;
    const equals = raw.indexOf('=');
    const name = raw.slice(0, Math.max(equals, 0)).trim();
    const at = (part: string): number => Math.max(raw.indexOf(part), 0) + 1;
    if (equals < 0 || name === '') {
      problems.push({ line, column: at(content), field: '', message: 'is not NAME = VALUE' });
      continue;
    }
    const written = raw.slice(equals + 1).trim();
    const column = written === '' ? raw.length + 1 : equals + 2 + raw.slice(equals + 1).indexOf(written);
    const value = written.startsWith('"') ? unquoted(written) : written;
    const fault = value === undefined ? 'is not closed with a quotation mark' : addValue(values, name, value);
    if (fault) problems.push({ line, column: settingNamed(name) ? column : at(name), field: name, message: fault });
  }
  return { values, problems: [...problems, ...combinedFaults(values)] };
}

/** Checks a value and takes it into the values. @returns why it was refused */
export function addValue(values: Record<string, string[]>, name: string, value: string): string | undefined {
  const setting = settingNamed(name);
  if (!setting) return `is no setting; there are: ${boardSettings.map((known) => known.name).join(', ')}`;
  const held = values[name] ?? [];
  if (!setting.many && held.length > 0) return 'is there twice';
  if (held.length >= mostValues) return `is there more than ${mostValues} times`;
  const fault = textFault(value) ?? setting.fault(value);
  if (fault) return setting.secret ? fault : `${JSON.stringify(value.slice(0, 200))} ${fault}`;
  values[name] = [...held, value];
  return undefined;
}

/** What is wrong with settings together, each of which is right. */
export function combinedFaults(values: SettingValues): SettingProblem[] {
  const needs: readonly (readonly [string, string])[] = [
    ['token', 'hub'],
    ['wifi-password', 'wifi'],
    ['gateway', 'static-ip'],
    ['dns', 'static-ip'],
  ];
  return needs
    .filter(([field, other]) => values[field] && !values[other])
    .map(([field, other]) => ({ field, message: `needs ${other} beside it` }));
}

const header = `# Settings of this board, read by Flotilla when it starts for the first time.
# One NAME = VALUE a line. What is secret here is erased once the board has joined its hub;
# from then on this file changes neither hub nor keys.
`;

/** The file with these values; parsing it gives them back. */
export function settingsFileText(values: SettingValues): string {
  const lines = boardSettings.flatMap(({ name }) => (values[name] ?? []).map((value) => `${name} = ${quoted(value)}\n`));
  return `${header}${lines.join('')}`;
}

/** Lines to show to people: secrets are masked. */
export function shownSettings(values: SettingValues): string[] {
  return boardSettings.flatMap(({ name, secret }) =>
    (values[name] ?? []).map((value) => `${name} = ${secret ? masked(name, value) : value}`),
  );
}

/** Without what is secret. */
export function withoutSecrets(values: SettingValues): SettingValues {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !settingNamed(name)?.secret));
}

/** One line for people: where, what, why. */
export function problemText({ line, column, field, message }: SettingProblem): string {
  const where = line === undefined ? '' : `line ${line}, column ${column}: `;
  return `${where}${[field, message].filter((part) => part !== '').join(': ')}`;
}

function masked(name: string, value: string): string {
  // A token's id is no secret and tells which one it is.
  const shown = name === 'token' ? value.split('.').slice(0, 2).join('.') : name === 'proxy' ? new URL(value).host : '';
  return `${shown}${shown ? ' ' : ''}(hidden)`;
}

function quoted(value: string): string {
  return value !== value.trim() || value.startsWith('"') ? JSON.stringify(value) : value;
}

function unquoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
