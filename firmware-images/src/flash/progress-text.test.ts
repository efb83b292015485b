import { expect, test } from 'vitest';
import { ProgressText } from './progress-text.ts';

const drive = { path: '/dev/sdb', phase: 'writing', error: undefined } as const;

test('a bar, the rate of the last seconds, and the time left', () => {
  const text = new ProgressText();
  const total = 2_000e6;
  text.lines([{ ...drive, doneBytes: 0, totalBytes: total }], 0);
  // Slow at first: it counts no more after a while.
  for (let second = 1; second <= 20; second++)
    text.lines([{ ...drive, doneBytes: second < 10 ? second * 1e6 : 10e6 + (second - 10) * 50e6, totalBytes: total }], second * 1000);
  expect(text.lines([{ ...drive, doneBytes: 1_000e6, totalBytes: total }], 30_000)).toEqual([
    '/dev/sdb  writing    [============            ]  50 %  49.0 MB/s  21 s left',
  ]);
});

test('an image of unknown length has no bar; the end is one word', () => {
  const text = new ProgressText();
  expect(text.lines([{ ...drive, doneBytes: 5e6, totalBytes: undefined }], 0)).toEqual(['/dev/sdb  writing  5 MB']);
  expect(
    text.lines(
      [
        { ...drive, phase: 'done', doneBytes: 1, totalBytes: 1 },
        { ...drive, phase: 'failed', doneBytes: 1, totalBytes: 1, error: 'it is gone' },
      ],
      1,
    ),
  ).toEqual(['/dev/sdb  done', '/dev/sdb  failed: it is gone']);
});
