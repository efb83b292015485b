import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { expect, test } from 'vitest';
import { type BoardState, type FaceDoors, openBoardFace, screenText } from './board-face.ts';

const led = '/sys/class/leds/ACT';

async function board(face: string | undefined, { devices = true } = {}): Promise<{ files: FakeFiles; doors: FaceDoors }> {
  const files = new FakeFiles();
  for (const dir of ['/etc/flotilla', led, '/dev']) await files.mkdir(dir);
  if (face !== undefined) await files.write('/etc/flotilla/board.json', face);
  if (devices) for (const path of ['trigger', 'brightness', 'delay_on', 'delay_off']) await files.write(`${led}/${path}`, '');
  if (devices) await files.write(`${led}/max_brightness`, '255\n');
  if (devices) await files.write('/dev/tty1', '');
  return { files, doors: { files, hostname: () => 'kitchen-1', addresses: () => ['192.168.1.20'] } };
}

const named = '{"led": "ACT", "screen": "/dev/tty1"}';

test.for([
  ['starting', 'timer', '100', '100', ''],
  ['joining', 'timer', '500', '500', ''],
  ['waiting', 'timer', '100', '1900', ''],
  ['fault', 'timer', '1500', '200', ''],
  ['joined', 'none', '', '', '255'],
] as const satisfies readonly (readonly [BoardState, ...string[]])[])('%s has a light of its own', async ([state, ...expected]) => {
  const { files, doors } = await board(named);
  await (await openBoardFace(doors)).show({ state, step: 'agent: done' });
  const read = (file: string): Promise<string | undefined> => files.readText(`${led}/${file}`);
  expect(await Promise.all(['trigger', 'delay_on', 'delay_off', 'brightness'].map(read))).toEqual(expected);
  expect(await files.readText('/dev/tty1')).toContain('name         kitchen-1\r\naddresses    192.168.1.20\r\n');
});

test('what a board has not, and what is no name of a device, shows nothing and makes no file', async () => {
  const faces = [undefined, '{', 'null', '{"led": "", "screen": ""}', '{"led": "../../../etc", "screen": "/etc/passwd"}'];
  for (const face of faces) {
    const { files, doors } = await board(face);
    await (await openBoardFace(doors)).show({ state: 'fault', step: 'name' });
    expect(await files.readText(`${led}/trigger`)).toBe('');
    expect(await files.readText('/dev/tty1')).toBe('');
    expect(await files.stat('/etc/passwd')).toBeUndefined();
  }
  const { files, doors } = await board(named, { devices: false });
  await (await openBoardFace(doors)).show({ state: 'joined', step: 'joined' });
  expect(await files.list('/dev')).toEqual([]);
  expect(await files.list(led)).toEqual([]);
});

test('the screen says what is to be done, and nobody else moves its cursor', () => {
  const doors = { hostname: () => 'kitchen-1', addresses: () => [] };
  const text = screenText(doors, { state: 'waiting', step: 'join', fault: 'the hub said \u001b[2J\u009b1mno', fingerprint: 'ab:cd' });
  expect(text).toContain('addresses    none yet\r\nstate        waits for approval: flotilla node pending, flotilla node approve\r\n');
  expect(text).toContain('fault        the hub said  [2J 1mno\r\nfingerprint  ab:cd\r\n');
  expect(text.slice(4).match(/\u001b|\u009b/g)).toHaveLength(1);
});
