import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readSettings, writeSettings } from '@flotilla/firmware-images/provision/configure-image.js';
import type { Device } from '@flotilla/firmware-images/provision/device-list.js';
import { changeSealed } from '@flotilla/firmware-images/provision/sealed-image.js';
import {
  addValue,
  combinedFaults,
  type SettingProblem,
  type SettingValues,
  shownSettings,
} from '@flotilla/shared/board-settings/settings-file.js';
import { boardSettings } from '@flotilla/shared/board-settings/settings-table.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { SystemDisks } from '@flotilla/shared/platform/disks.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { readDevices, writeDevices } from './image-devices.ts';
import { boardTokens } from './join-tokens.ts';
import { fileSettings, refuse } from './settings-flags.ts';

export interface ConfigureOptions {
  readonly clear?: boolean;
  readonly settings?: string;
  readonly devices?: string;
  readonly out?: string;
  readonly images?: boolean;
  readonly createTokens?: boolean;
  readonly tokenTtl: string;
  readonly kubeconfig?: string;
  /** A setting's flag in camel case: a text, or a list of them. */
  readonly [flag: string]: unknown;
}

/** Writes settings into an image, or many devices' into a directory, and shows them. @throws Error that lists everything that is wrong */
export async function configureCommand(path: string, options: ConfigureOptions): Promise<void> {
  const image = fromHere(path);
  const doors = { disks: new SystemDisks(), clock: new SystemClock() };
  const given = settingsFrom(options);
  const base = options.settings ? fileSettings(fromHere(options.settings)) : {};
  if (options.devices) {
    const { values, problems } = merged(base, given);
    refuse('the command line', problems);
    // Also says whether it is an image at all.
    await readSettings(doors.disks, image).catch((error: unknown) => {
      if (!options.clear) throw error;
    });
    const devices = readDevices(fromHere(options.devices), values);
    const ready = options.createTokens ? await withTokens(devices, options) : devices;
    await writeDevices(doors, { image, out: fromHere(options.out ?? 'boards'), images: options.images ?? false }, ready);
    return;
  }
  const before = options.clear || options.settings ? base : (await readSettings(doors.disks, image)).values;
  const { values, problems } = merged(before, given);
  refuse('the command line', problems);
  const hostname = values['hostname']?.[0];
  if (options.createTokens && !hostname) throw new Error('--create-tokens needs --hostname: a token is for one name');
  const [device] = options.createTokens && hostname ? await withTokens([{ hostname, values }], options) : [{ values }];
  if (given.length > 0 || options.createTokens || options.clear || options.settings)
    await changeSealed({ ...doors, files: new SystemFiles() }, image, () => writeSettings(doors, image, device?.values ?? values));
  const found = await readSettings(doors.disks, image);
  process.stdout.write(`${[`${path}:`, ...shownSettings(found.values).map((line) => `  ${line}`)].join('\n')}\n`);
  if (found.report) process.stdout.write(`what the board wrote at its first boot:\n${found.report.replace(/^(?=.)/gm, '  ')}`);
}

async function withTokens(devices: readonly Device[], { tokenTtl, kubeconfig }: ConfigureOptions): Promise<Device[]> {
  const make = boardTokens(kubeconfig, tokenTtl);
  const ready: Device[] = [];
  for (const device of devices) {
    const token = device.values['token'] ?? [await make(device.hostname)];
    ready.push({ ...device, values: { ...device.values, token } });
  }
  return ready;
}

interface Given {
  readonly name: string;
  readonly texts: readonly string[];
}

/** What flags say, by setting; the content of files is read here. */
function settingsFrom(options: ConfigureOptions): Given[] {
  return boardSettings.flatMap(({ name, inFile }): Given[] => {
    const flag = (inFile ? `${name}-file` : name).replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    const value = options[flag];
    if (value === undefined) return [];
    const texts = (Array.isArray(value) ? value : [value]).map(String);
    return [{ name, texts: inFile ? texts.map((file) => readFileSync(fromHere(file), 'utf8').trim()) : texts }];
  });
}

function merged(before: SettingValues, given: readonly Given[]): { values: SettingValues; problems: SettingProblem[] } {
  const values: Record<string, string[]> = Object.fromEntries(Object.entries(before).map(([name, held]) => [name, [...held]]));
  const problems: SettingProblem[] = [];
  for (const { name, texts } of given) {
    delete values[name];
    for (const text of texts) {
      const message = addValue(values, name, text);
      if (message) problems.push({ field: name, message });
    }
  }
  return { values, problems: problems.length > 0 ? problems : combinedFaults(values) };
}

/** Relative to where the command was typed. */
function fromHere(path: string): string {
  return resolve(process.env['INIT_CWD'] ?? process.cwd(), path);
}
