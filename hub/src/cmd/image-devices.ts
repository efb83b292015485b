import { chmodSync, constants, copyFileSync, mkdirSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { writeSettings } from '@flotilla/firmware-images/provision/configure-image.js';
import { devicesFromCsv } from '@flotilla/firmware-images/provision/csv.js';
import { checkDevices, type Device, type DeviceCell, type DeviceRow } from '@flotilla/firmware-images/provision/device-list.js';
import {
  problemText,
  type SettingProblem,
  type SettingValues,
  settingsFileName,
  settingsFileText,
} from '@flotilla/shared/board-settings/settings-file.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Disks } from '@flotilla/shared/platform/disks.js';
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';

/** Reads a list of devices and checks all of it. @throws Error with every fault, its line and column */
export function readDevices(file: string, common: SettingValues): readonly Device[] {
  const text = readFileSync(file, 'utf8');
  const { rows, problems } = ['.yaml', '.yml', '.json'].includes(extname(file).toLowerCase())
    ? devicesFromYaml(text)
    : devicesFromCsv(text);
  const checked = problems.length > 0 ? { devices: [], problems } : checkDevices(rows, common);
  if (checked.problems.length > 0) {
    const shown = checked.problems.slice(0, 100).map((problem) => `  ${problemText(problem)}`);
    const more = checked.problems.length - shown.length;
    throw new Error(`${file}: nothing was written:\n${shown.join('\n')}${more > 0 ? `\n  and ${more} more` : ''}`);
  }
  return checked.devices;
}

/** A sequence of maps, or one under `devices`; values are texts, numbers or sequences of them. */
export function devicesFromYaml(text: string): { readonly rows: readonly DeviceRow[]; readonly problems: readonly SettingProblem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const at = (node: unknown): { line: number; column: number } => {
    const offset = (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? 0;
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const problems: SettingProblem[] = document.errors.map(({ linePos, message }) => ({
    line: linePos?.[0].line ?? 1,
    column: linePos?.[0].col ?? 1,
    field: '',
    message: message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? message,
  }));
  if (problems.length > 0) return { rows: [], problems };
  const list = isMap(document.contents) ? document.contents.get('devices', true) : document.contents;
  if (!isSeq(list)) return { rows: [], problems: [{ ...at(document.contents), field: '', message: 'is not a sequence of devices' }] };
  const rows = list.items.map((item): DeviceRow => {
    if (!isMap(item)) {
      problems.push({ ...at(item), field: '', message: 'is not a device: fields with their values are wanted' });
      return { line: at(item).line, cells: [] };
    }
    const cells = item.items.flatMap((pair): DeviceCell[] => {
      const field = isScalar(pair.key) ? String(pair.key.value) : '';
      const values = isSeq(pair.value) ? pair.value.items : [pair.value];
      return values.flatMap((value): DeviceCell[] => {
        if (isScalar(value) && value.value !== null && typeof value.value !== 'object')
          return [{ field, value: typeof value.value === 'string' ? value.value : (value.source ?? String(value.value)), ...at(value) }];
        problems.push({ ...at(value ?? pair.key), field, message: 'is not a text, or a sequence of texts' });
        return [];
      });
    });
    return { line: at(item).line, cells };
  });
  return { rows, problems };
}

export interface DevicesTarget {
  readonly image: string;
  readonly out: string;
  /** A configured copy of the image for each. */
  readonly images: boolean;
}

/** Writes what each device gets, mode 0600: it holds secrets. */
export async function writeDevices(
  doors: { readonly disks: Disks; readonly clock: Clock },
  { image, out, images }: DevicesTarget,
  devices: readonly Device[],
): Promise<void> {
  mkdirSync(out, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = statfsSync(out);
  const needed = images ? statSync(image).size * devices.length : 0;
  if (needed > bavail * bsize)
    throw new Error(
      `${out} has room for ${bavail * bsize} bytes, ${devices.length} copies of the image take ${needed}: leave out --images`,
    );
  for (const { hostname, values } of devices) {
    mkdirSync(join(out, hostname), { recursive: true, mode: 0o700 });
    writeFileSync(join(out, hostname, settingsFileName), settingsFileText(values), { mode: 0o600 });
    if (!images) continue;
    const copy = join(out, `${hostname}.img`);
    try {
      copyFileSync(image, copy, constants.COPYFILE_FICLONE);
      chmodSync(copy, 0o600);
      await writeSettings(doors, copy, values);
    } catch (error) {
      // Nobody flashes half a copy.
      rmSync(copy, { force: true });
      throw error;
    }
  }
  process.stdout.write(`${devices.length} devices are in ${out}\n`);
}
