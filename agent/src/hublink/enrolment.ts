import { join } from 'node:path';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { PinnedKey } from '@flotilla/shared/protocol/envelope.js';

/** What a board keeps for good once it has joined. Certificate and key are the board's identity: 0600. */
export interface Enrolment {
  readonly node: string;
  /** The hub gave this board the name of another that it took the place of: the name it was started with does not count. */
  readonly assigned?: true;
  readonly clusterId: string;
  /** Host and port of the API as the owner named them. */
  readonly hub: { readonly host: string; readonly port: number };
  readonly mqttPort?: number;
  readonly ca: string;
  readonly certificate: string;
  readonly manifestKeys: readonly PinnedKey[];
  /** The hub's clock when this board joined: a time that has certainly passed. */
  readonly floorMs: number;
  /** PKCS #8, PEM. */
  readonly key: string;
}

type EnrolmentFiles = Pick<Files, 'readText' | 'writeAtomic' | 'mkdir'>;

const keyFile = 'board.key';
const recordFile = 'enrolment.json';

/** The board's permanent key, if it made one already. */
export function loadKey(files: EnrolmentFiles, dir: string): Promise<string | undefined> {
  return files.readText(join(dir, keyFile));
}

export async function saveKey(files: EnrolmentFiles, dir: string, key: string): Promise<void> {
  await files.mkdir(dir, { mode: 0o700 });
  await files.writeAtomic(join(dir, keyFile), key, { mode: 0o600 });
}

/** Undefined when this board has not joined yet. No network. @throws Error when the record is there and damaged */
export async function loadEnrolment(files: EnrolmentFiles, dir: string): Promise<Enrolment | undefined> {
  const [key, record] = [await loadKey(files, dir), await files.readText(join(dir, recordFile))];
  if (key === undefined || record === undefined) return undefined;
  try {
    return { ...(JSON.parse(record) as Omit<Enrolment, 'key'>), key };
  } catch (error) {
    throw new Error(`${join(dir, recordFile)} is damaged; remove it and start with a join token to join again with the same key`, {
      cause: error,
    });
  }
}

export async function saveEnrolment(files: EnrolmentFiles, dir: string, { key: _key, ...record }: Enrolment): Promise<void> {
  await files.writeAtomic(join(dir, recordFile), `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
}
