import {
  parseSettingsFile,
  problemText,
  reportFileName,
  type SettingValues,
  settingsFileLimit,
  settingsFileName,
  settingsFileText,
} from '@flotilla/shared/board-settings/settings-file.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Disk, Disks } from '@flotilla/shared/platform/disks.js';
import { bootPartition, readPartitionTable } from '#disk/partition-table.ts';
import { FatVolume } from '#fat/fat-volume.ts';

export interface ImageSettings {
  readonly values: SettingValues;
  /** What the board wrote about its first boot; undefined before it. */
  readonly report: string | undefined;
}

/**
 * Writes settings into the boot partition of a disk image, or of a card, and reads them back. Nothing is mounted.
 * @throws Error when it is no image of ours, is damaged or truncated, or gave back something else
 */
export async function writeSettings(
  doors: { readonly disks: Disks; readonly clock: Clock },
  path: string,
  values: SettingValues,
): Promise<void> {
  const text = settingsFileText(values);
  await withBootVolume(doors.disks, path, true, (volume) => volume.writeFile(settingsFileName, Buffer.from(text), doors.clock.wallMs()));
  // A second opening: what is read now comes from the disk.
  const found = await withBootVolume(doors.disks, path, false, (volume) => volume.readFile(settingsFileName, settingsFileLimit));
  if (found?.toString('utf8') !== text) throw new Error(`${path} did not keep the settings: what was read back differs`);
}

/** @throws Error as above, and when the settings in it are wrong: with every line that is */
export async function readSettings(disks: Disks, path: string): Promise<ImageSettings> {
  return await withBootVolume(disks, path, false, async (volume) => {
    const text = (await volume.readFile(settingsFileName, settingsFileLimit))?.toString('utf8') ?? '';
    const { values, problems } = parseSettingsFile(text);
    if (problems.length > 0) throw new Error(`${settingsFileName} in ${path}: ${problems.map(problemText).join('; ')}`);
    // Who looks at it looks for a fault: one of the card is told as well, and hides nothing else.
    const report = await volume.readFile(reportFileName, settingsFileLimit).catch((error: Error) => Buffer.from(`${error.message}\n`));
    return { values, report: report?.toString('utf8') };
  });
}

async function withBootVolume<Result>(
  disks: Disks,
  path: string,
  write: boolean,
  use: (volume: FatVolume) => Promise<Result>,
): Promise<Result> {
  const disk = await disks.open(path, { write });
  try {
    const { startBytes, sizeBytes } = bootPartition(await readPartitionTable(await uncompressed(disk)));
    return await use(await FatVolume.open(disk, startBytes, sizeBytes));
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    await disk.close();
  }
}

/** What compressed files begin with. */
const compressions: readonly (readonly [string, string])[] = [
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
  ['gzip', '1f8b'],
];

async function uncompressed(disk: Disk): Promise<Disk> {
  const head = Buffer.alloc(6);
  await disk.readInto(head, 0);
  const found = compressions.find(([, magic]) => head.toString('hex').startsWith(magic));
  if (found)
    throw new Error(
      `it is compressed with ${found[0]}; settings go into a raw image, or onto the card after flashing (flotilla flash --settings)`,
    );
  return disk;
}
