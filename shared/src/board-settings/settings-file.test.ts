import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addValue,
  parseSettingsFile,
  problemText,
  type SettingValues,
  settingsFileText,
  shownSettings,
  withoutSecrets,
} from './settings-file.ts';
import { boardSettings } from './settings-table.ts';

const token = `f1.${'0a'.repeat(5)}.${'S'.repeat(32)}.${'ab'.repeat(32)}`;
const key = `ssh-ed25519 ${'A'.repeat(68)} ann@desk`;
/** A right value and wrong ones for every setting. */
const examples: Readonly<Record<string, { readonly good: string; readonly bad: readonly string[] }>> = {
  hub: { good: 'https://hub.example:6443', bad: ['http://hub', 'hub:6443', 'https://', 'https://a b'] },
  token: { good: token, bad: ['f1.x', `${token}0`] },
  hostname: { good: 'kitchen-1', bad: ['Kitchen', '-a', 'a_b', 'a'.repeat(65)] },
  wifi: { good: 'Our café; 5 GHz', bad: ['x'.repeat(33)] },
  'wifi-password': { good: 'correct horse = "battery"', bad: ['short', 'x'.repeat(64), 'grün-grün'] },
  'wifi-country': { good: 'DE', bad: ['de', 'DEU'] },
  label: { good: 'site.example/place=hall-3', bad: ['site', '=x', 'a=b c'] },
  taint: { good: 'only=gpu:NoSchedule', bad: ['only=gpu', 'only=gpu:Never', ':NoSchedule'] },
  timezone: { good: 'Europe/Berlin', bad: ['Mars/Olympus', '+02:00'] },
  'ssh-key': { good: key, bad: ['ssh-ed25519', 'AAAA', `command="x" ${key}`] },
  'static-ip': { good: '192.168.1.20/24', bad: ['192.168.1.20', '192.168.1.256/24', '192.168.1.20/33', '192.168.1.20/0'] },
  gateway: { good: '192.168.1.1', bad: ['router', '192.168.01.1'] },
  dns: { good: 'fd00::1', bad: ['fd00::g', '1.1.1'] },
  proxy: { good: 'http://ann:secret@proxy.example:3128', bad: ['https://proxy', 'proxy:3128'] },
  'preload-image': { good: 'registry.example:5000/team/app:1.2', bad: ['Big', 'a b'] },
  profile: { good: 'metered', bad: ['Metered!'] },
};
const all: SettingValues = Object.fromEntries(Object.entries(examples).map(([name, { good }]) => [name, [good]]));

test('every setting takes what is right and refuses what is wrong, by its name', () => {
  expect(Object.keys(examples)).toEqual(boardSettings.map(({ name }) => name));
  for (const [name, { good, bad }] of Object.entries(examples)) {
    expect(addValue({}, name, good), name).toBeUndefined();
    for (const text of bad) expect(addValue({}, name, text), `${name} = ${text}`).toBeDefined();
  }
});

test('what is written is read again, with any line end', () => {
  const text = settingsFileText(all);
  for (const end of ['\n', '\r\n', '\r']) {
    const { values, problems } = parseSettingsFile(`\uFEFF${text.replaceAll('\n', end)}`);
    expect(problems).toEqual([]);
    expect(values).toEqual(all);
  }
});

test('any password and network name survives the file', () => {
  const printable = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 8,
    maxLength: 32,
  });
  fc.assert(
    fc.property(printable, printable, (wifi, password) => {
      const values = { wifi: [wifi], 'wifi-password': [password] };
      expect(parseSettingsFile(settingsFileText(values))).toEqual({ values, problems: [] });
    }),
  );
});

test('all that is wrong is told with line and column, and no secret with it', () => {
  const { problems } = parseSettingsFile(
    ['# a comment', 'hub = ftp://x', '  color = red', 'what', 'wifi-password = pass1', 'label = a=1', 'hostname = a', 'hostname = b'].join(
      '\n',
    ),
  );
  const lines = problems.map(problemText);
  expect(lines.slice(0, 2)).toEqual([
    'line 2, column 7: hub: "ftp://x" is not an address like https://HOST:6443',
    expect.stringMatching(/^line 3, column 3: color: is no setting; there are: hub, token/),
  ]);
  expect(lines[2]).toBe('line 4, column 1: is not NAME = VALUE');
  expect(lines[3]).toBe('line 5, column 17: wifi-password: is not 8 to 63 letters, or a key of 64 hex digits');
  expect(lines[4]).toBe('line 8, column 12: hostname: is there twice');
  expect(lines.join()).not.toContain('pass1');
});

test('settings that need another one say so', () => {
  const messages = parseSettingsFile('gateway = 10.0.0.1\nwifi-password = 12345678').problems.map(problemText);
  expect(messages).toEqual(['wifi-password: needs wifi beside it', 'gateway: needs static-ip beside it']);
});

test('secrets are masked where people look, and erased', () => {
  const shown = shownSettings(all).join('\n');
  for (const secret of ['S'.repeat(32), 'battery', 'secret@']) expect(shown).not.toContain(secret);
  expect(shown).toContain('token = f1.0a0a0a0a0a (hidden)');
  const rest = settingsFileText(withoutSecrets(all));
  for (const secret of [token, 'battery', 'secret@']) expect(rest).not.toContain(secret);
});

test('a file too long, and a value too often, are refused', () => {
  expect(parseSettingsFile('#'.repeat(70_000)).problems).toHaveLength(1);
  const labels = Array.from({ length: 70 }, (_, index) => `label = a${index}=b`).join('\n');
  expect(parseSettingsFile(labels).problems).toHaveLength(6);
});
