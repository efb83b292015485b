import { join } from 'node:path';
import type { Files } from '@flotilla/shared/platform/files.js';

/** `starting`: first boot; `waiting`: an operator must approve this board. */
export type BoardState = 'starting' | 'joining' | 'waiting' | 'joined' | 'fault';

export interface BoardStatus {
  readonly state: BoardState;
  /** What it does, or did last. */
  readonly step: string;
  readonly fault?: string;
  /** What an operator compares before he approves this board. */
  readonly fingerprint?: string;
}

/** What whoever stands before a board sees of it. Never throws: a board without lights works as well. */
export interface BoardFace {
  show(status: BoardStatus): Promise<void>;
}

export interface FaceDoors {
  readonly files: Pick<Files, 'readText' | 'stat' | 'write'>;
  readonly hostname: () => string;
  readonly addresses: () => readonly string[];
}

/** Written by the image of a board; a host of one's own has none, and shows nothing. */
const boardFile = '/etc/flotilla/board.json';
const lightsDir = '/sys/class/leds';

/** Milliseconds on and off; steady where it has no second. */
const patterns: Readonly<Record<BoardState, readonly [number, number] | 'steady'>> = {
  starting: [100, 100],
  joining: [500, 500],
  waiting: [100, 1900],
  fault: [1500, 200],
  joined: 'steady',
};

const words: Readonly<Record<BoardState, string>> = {
  starting: 'first boot',
  joining: 'joins its hub',
  waiting: 'waits for approval: flotilla node pending, flotilla node approve',
  fault: 'something is wrong',
  joined: 'has joined its hub',
};

/** The light and the screen that the board's image names. */
export async function openBoardFace(doors: FaceDoors): Promise<BoardFace> {
  const { led, screen } = parseBoardFile(await doors.files.readText(boardFile).catch(() => undefined));
  const tries = [
    ...(led === undefined ? [] : [(status: BoardStatus) => light(doors, join(lightsDir, led), status)]),
    ...(screen === undefined ? [] : [(status: BoardStatus) => write(doors, screen, screenText(doors, status))]),
  ];
  return {
    async show(status) {
      // Neither is worth a board that does not start.
      for (const one of tries) await one(status).catch(() => {});
    },
  };
}

function parseBoardFile(text: string | undefined): { readonly led?: string; readonly screen?: string } {
  let given: { readonly led?: unknown; readonly screen?: unknown } | null = {};
  try {
    given = JSON.parse(text ?? '{}') as typeof given;
  } catch {
    return {};
  }
  const fits = (value: unknown, form: RegExp): string | undefined => (typeof value === 'string' && form.test(value) ? value : undefined);
  const led = fits(given?.led, /^[A-Za-z0-9][A-Za-z0-9:_.-]{0,63}$/);
  const screen = fits(given?.screen, /^\/dev\/tty[A-Za-z]*[0-9]+$/);
  return { ...(led === undefined ? {} : { led }), ...(screen === undefined ? {} : { screen }) };
}

/** By the kernel's own triggers: it blinks on when this process is gone. */
async function light(doors: FaceDoors, dir: string, { state }: BoardStatus): Promise<void> {
  const pattern = patterns[state];
  if (pattern === 'steady') {
    await write(doors, join(dir, 'trigger'), 'none');
    await write(doors, join(dir, 'brightness'), (await doors.files.readText(join(dir, 'max_brightness')))?.trim() || '1');
    return;
  }
  await write(doors, join(dir, 'trigger'), 'timer');
  await write(doors, join(dir, 'delay_on'), String(pattern[0]));
  await write(doors, join(dir, 'delay_off'), String(pattern[1]));
}

/** Makes no file where there is no such device. */
async function write({ files }: FaceDoors, path: string, text: string): Promise<void> {
  if (await files.stat(path)) await files.write(path, text);
}

/** Clears the screen; nothing that came from elsewhere can move its cursor. */
export function screenText({ hostname, addresses }: Pick<FaceDoors, 'hostname' | 'addresses'>, status: BoardStatus): string {
  const rows: readonly (readonly [string, string])[] = [
    ['name', hostname()],
    ['addresses', addresses().join('  ') || 'none yet'],
    ['state', words[status.state]],
    ['step', status.step],
    ['fault', status.fault ?? ''],
    ['fingerprint', status.fingerprint ?? ''],
  ];
  const lines = rows
    .filter(([, text]) => text !== '')
    .map(([name, text]) => `${name.padEnd(13)}${text.replaceAll(/[^\x20-\x7e\u00a0-\uffff]+/g, ' ').slice(0, 400)}`);
  return `\u001b[2J\u001b[HFlotilla\r\n\r\n${lines.join('\r\n')}\r\n`;
}
