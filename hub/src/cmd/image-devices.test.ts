import { problemText } from '@flotilla/shared/board-settings/settings-file.js';
import { expect, test } from 'vitest';
import { devicesFromYaml } from './image-devices.ts';

test('a YAML list of devices keeps every value as it was typed, with its place', () => {
  const text = 'devices:\n  - hostname: a1\n    label: [site=x, floor=2]\n    wifi-password: 0123456789\n  - hostname: 0x10\n';
  const { rows, problems } = devicesFromYaml(text);
  expect(problems).toEqual([]);
  expect(rows).toEqual([
    {
      line: 2,
      cells: [
        { field: 'hostname', value: 'a1', line: 2, column: 15 },
        { field: 'label', value: 'site=x', line: 3, column: 13 },
        { field: 'label', value: 'floor=2', line: 3, column: 21 },
        { field: 'wifi-password', value: '0123456789', line: 4, column: 20 },
      ],
    },
    { line: 5, cells: [{ field: 'hostname', value: '0x10', line: 5, column: 15 }] },
  ]);
  expect(devicesFromYaml('[{"hostname": "a"}]').rows).toHaveLength(1);
});

test.for([
  ['hostname: a', 'is not a sequence of devices'],
  ['- a', 'line 1, column 3: is not a device: fields with their values are wanted'],
  ['- hostname: {a: b}', 'line 1, column 13: hostname: is not a text, or a sequence of texts'],
  ['- hostname:', 'hostname: is not a text, or a sequence of texts'],
  ['- hostname: a\n  hostname: b', 'line 2, column 3: Map keys must be unique'],
  ['- {', 'line '],
] as const)('%s is told: %s', ([text, expected]) => {
  expect(devicesFromYaml(text).problems.map(problemText).join()).toContain(expected);
});
