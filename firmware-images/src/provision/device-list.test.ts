import { problemText } from '@flotilla/shared/board-settings/settings-file.js';
import { expect, test } from 'vitest';
import { devicesFromCsv } from './csv.ts';
import { checkDevices } from './device-list.ts';

const common = { hub: ['https://hub.example:6443'] };
const check = (text: string) => {
  const { rows, problems } = devicesFromCsv(text);
  const checked = checkDevices(rows, common);
  return { devices: checked.devices, problems: [...problems, ...checked.problems].map(problemText) };
};

test('a hundred devices, as a spreadsheet saves them', () => {
  const lines = Array.from({ length: 100 }, (_, index) => `board-${index},"site=a; rack=r${index}",10.0.0.${index + 1}/24,"Net, ""5"""`);
  const { devices, problems } = check(['hostname,label,static-ip,wifi', '# the hall', '', ...lines, ''].join('\r\n'));
  expect(problems).toEqual([]);
  expect(devices).toHaveLength(100);
  expect(devices[7]).toEqual({
    hostname: 'board-7',
    values: { ...common, hostname: ['board-7'], label: ['site=a', 'rack=r7'], 'static-ip': ['10.0.0.8/24'], wifi: ['Net, "5"'] },
  });
});

test('semicolons and tabs separate too; a column may be there twice; the last line needs no end', () => {
  for (const separator of [';', '\t'])
    expect(
      check(`${['hostname', 'ssh-key', 'ssh-key'].join(separator)}\na${separator}ssh-ed25519 ${'A'.repeat(68)} x${separator}`).devices,
    ).toEqual([{ hostname: 'a', values: { ...common, hostname: ['a'], 'ssh-key': [`ssh-ed25519 ${'A'.repeat(68)} x`] } }]);
});

test('every wrong line is told, with line and column', () => {
  const text = [
    'hostname,label,static-ip,wifi-password',
    'good,site=a,10.0.0.1/24,',
    'Bad Name,site,10.0.0.1,',
    ',site=b,,',
    'good,,10.0.0.1/24,',
    '"two\nlines",,,',
    'six,,,12345678,more',
    'seven,,,short',
  ].join('\n');
  expect(check(text).problems.map((line) => line.replace(/: node name.*/, ''))).toEqual([
    'line 8, column 16: the line has more cells than the 4 of the first line',
    'line 3, column 1: hostname: "Bad Name" is not a name',
    'line 3, column 10: label: "site" is not KEY=VALUE',
    'line 3, column 15: static-ip: "10.0.0.1" is not an address with its prefix, like 192.168.1.20/24',
    'line 4, column 1: hostname: is missing: every device of a list needs one',
    'line 5, column 1: hostname: is the same as in line 2',
    'line 5, column 7: static-ip: is the same as in line 2',
    'line 6, column 1: hostname: "two\\nlines" holds a control character',
    'line 8, column 7: wifi-password: needs wifi beside it',
    'line 9, column 9: wifi-password: is not 8 to 63 letters, or a key of 64 hex digits',
  ]);
});

test('what is no list says so', () => {
  expect(check('').problems).toEqual(['the list names no device']);
  expect(check('hostname,colour\na,red').problems).toEqual([expect.stringMatching(/^line 2, column 3: colour: is no setting/)]);
  expect(check('hostname\n"a').problems).toContain('line 2, column 1: the quotation mark is not closed');
  expect(check('hostname,wifi\n"a"x,y').problems).toContain('line 2, column 4: something stands behind the closing quotation mark');
});
