// INVARIANTS
// 1. A step is entered in the journal when all of it is done; a boot goes on behind the last step that is. The settings are read once:
//    when a step is in the journal, what the card says later changes nothing.
// 2. What is secret is on the boot partition until the board has joined, and on the root file system in files that only root reads.
//    Erasing overwrites the lines of secrets where they lie, then replaces the file: what else is in it is there at any moment.
import { dirname, join } from 'node:path';
import {
  parseSettingsFile,
  problemText,
  reportFileName,
  type SettingValues,
  settingsFileLimit,
  settingsFileName,
  settingsFileText,
  withoutSecrets,
} from '@flotilla/shared/board-settings/settings-file.js';
import { settingNamed } from '@flotilla/shared/board-settings/settings-table.js';
import { type Clock, kubeTime } from '@flotilla/shared/clock/clock.js';
import type { Disks } from '@flotilla/shared/platform/disks.js';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { BoardFace, BoardStatus } from './board-face.ts';
import { type BoardFacts, joinTokenFile, planFirstBoot } from './first-boot-plan.ts';

const firstBootDir = '/var/lib/flotilla-first-boot';
const journalFile = join(firstBootDir, 'journal.json');
const doneFile = join(firstBootDir, 'done');
/** Nothing is left to do after joining: the unit that does it does not start any more. */
const joinedFile = join(firstBootDir, 'joined');
const mostReportBytes = 48 * 1024;

export interface FirstBootDoors {
  readonly files: Files;
  readonly disks: Disks;
  readonly exec: Exec;
  readonly clock: Clock;
  /** Shows what the report says, to whoever stands before the board. */
  readonly face: BoardFace;
}

interface Journal {
  readonly steps: readonly string[];
  /** What the first step read; kept until the last one is done. */
  readonly values?: SettingValues;
}

/**
 * Does what the settings on the boot partition say, once, and writes there what happened. Cut off anywhere, the next call goes on.
 * @throws Error when there are no settings, they are wrong, or a step failed: said in the report as well
 */
export async function firstBoot(doors: FirstBootDoors, bootDir: string, facts: BoardFacts): Promise<void> {
  const { files, exec } = doors;
  if (await files.stat(doneFile)) return;
  const report = new Report(doors, bootDir);
  await files.mkdir(firstBootDir, { mode: 0o700 });
  let journal = await readJournal(files);
  if (!journal.values) {
    const values = await readValues(files, bootDir).catch((error: Error) => report.failed('settings', error));
    journal = { steps: ['settings'], values };
    await writeJournal(files, journal);
    await report.say('settings', `read: ${Object.keys(values).join(', ')}`);
  }
  for (const { name, files: planned, commands } of planFirstBoot(journal.values ?? {}, facts)) {
    if (journal.steps.includes(name)) continue;
    try {
      for (const { path, content, mode } of planned) {
        await files.mkdir(dirname(path));
        await files.writeAtomic(path, content, { mode });
      }
      for (const [command = '', ...args] of commands) {
        const { code, stderr } = await exec.run(command, args, { timeoutMs: 60_000 });
        if (code !== 0) throw new Error(`${[command, ...args].join(' ')}: ${stderr.trim() || `exit status ${code}`}`);
      }
    } catch (error) {
      await report.failed(name, error as Error);
    }
    journal = { ...journal, steps: [...journal.steps, name] };
    await writeJournal(files, journal);
    await report.say(name, 'done');
  }
  await report.say('first boot', 'done; the agent starts and joins its hub', { state: 'joining' });
  await files.writeAtomic(doneFile, '');
  // The settings were in it.
  await writeJournal(files, { steps: journal.steps });
}

/**
 * After the board has joined: erases the token, here and on the boot partition, and everything secret there, and says so. Then fetches
 * the images that were to be there first; one that fails is told, and tried again at the next boot.
 */
export async function afterJoining(doors: FirstBootDoors, bootDir: string): Promise<void> {
  const { files, exec } = doors;
  const report = new Report(doors, bootDir);
  const settings = join(bootDir, settingsFileName);
  const text = (await files.readText(settings)) ?? '';
  const { values } = parseSettingsFile(text);
  const kept = settingsFileText(withoutSecrets(values));
  await overwrite(doors, joinTokenFile, (content) => Buffer.alloc(content.length));
  await files.remove(joinTokenFile);
  if (text !== '' && text !== kept) {
    await overwrite(doors, settings, withoutSecretLines);
    await writeOnCard(files, settings, kept);
    if ((await files.readText(settings)) !== kept)
      await report.failed('joined', new Error('the settings on the boot partition could not be erased'));
    await report.say('joined', 'the board is enrolled; what was secret here is erased', { state: 'joined' });
  }
  let fetched = true;
  for (const image of values['preload-image'] ?? []) {
    const { code, stderr } = await exec.run('podman', ['pull', '--quiet', image], { timeoutMs: 30 * 60_000 });
    fetched &&= code === 0;
    await report.say(
      'image',
      code === 0 ? `${image} is there` : `${image} could not be fetched: ${stderr.trim().split('\n').at(-1) ?? ''}`,
      { state: 'joined' },
    );
  }
  // What could not be fetched is tried again at the next boot.
  if (fetched) await files.writeAtomic(joinedFile, '');
}

/**
 * A renamed file's new place comes into a FAT directory only with the file itself: without the second sync the entry still names clusters
 * of the old one after a power cut, and those are free.
 */
async function writeOnCard(files: Files, path: string, text: string): Promise<void> {
  await files.writeAtomic(path, text);
  await files.sync(path);
}

/** Overwrites what a file holds where it lies, with as many bytes. */
async function overwrite({ files, disks }: FirstBootDoors, path: string, change: (content: Buffer) => Buffer): Promise<void> {
  const content = await files.readBytes(path);
  if (!content || content.length === 0) return;
  const disk = await disks.open(path, { write: true });
  try {
    await disk.write(change(content), 0);
    await disk.sync();
  } finally {
    await disk.close();
  }
}

/** Lines of secrets become comments of the same length. */
function withoutSecretLines(content: Buffer): Buffer {
  const lines = content.toString('latin1').replaceAll(/^[^\r\n=]*=[^\r\n]*/gm, (line) => {
    const name = line.slice(0, line.indexOf('=')).trim();
    return settingNamed(name)?.secret ? '#'.repeat(line.length) : line;
  });
  return Buffer.from(lines, 'latin1');
}

async function readValues(files: Files, bootDir: string): Promise<SettingValues> {
  const path = join(bootDir, settingsFileName);
  const stat = await files.stat(path);
  if (!stat) throw new Error(`there is no ${settingsFileName} on the boot partition: put it there and start the board again`);
  if (stat.size > settingsFileLimit) throw new Error(`${settingsFileName} is longer than ${settingsFileLimit} bytes`);
  const { values, problems } = parseSettingsFile((await files.readText(path)) ?? '');
  if (problems.length > 0) throw new Error(`${settingsFileName}: ${problems.map(problemText).join('; ')}`);
  return values;
}

async function readJournal(files: Files): Promise<Journal> {
  const text = await files.readText(journalFile);
  return text === undefined ? { steps: [] } : (JSON.parse(text) as Journal);
}

async function writeJournal(files: Files, journal: Journal): Promise<void> {
  await files.writeAtomic(journalFile, JSON.stringify(journal), { mode: 0o600 });
}

/** Lines on the boot partition, for whoever puts the card into a reader. A partition that takes none does not stop the boot. */
class Report {
  readonly #doors: FirstBootDoors;
  readonly #path: string;

  constructor(doors: FirstBootDoors, bootDir: string) {
    this.#doors = doors;
    this.#path = join(bootDir, reportFileName);
  }

  async say(step: string, what: string, status: Partial<BoardStatus> = {}): Promise<void> {
    const { files, clock, face } = this.#doors;
    await face.show({ state: 'starting', step: status.fault === undefined ? `${step}: ${what}` : step, ...status });
    try {
      const before = (await files.readText(this.#path)) ?? '';
      const line = `  ${step}: ${what.replaceAll(/\s+/g, ' ').slice(0, 1000)}\n`;
      // The unit tries again for as long as a fault stays: it is written once, for the card's sake.
      if (before.endsWith(line)) return;
      await writeOnCard(files, this.#path, `${before.slice(-mostReportBytes)}${kubeTime(clock.wallMs())}${line}`);
    } catch (error) {
      // Only a machine that loses its power ends here; a full or missing partition does not.
      if ((error as Error).name === 'PowerCut') throw error;
    }
  }

  async failed(step: string, error: Error): Promise<never> {
    if (error.name !== 'PowerCut') await this.say(step, `FAILED: ${error.message}`, { state: 'fault', fault: error.message });
    throw error;
  }
}
