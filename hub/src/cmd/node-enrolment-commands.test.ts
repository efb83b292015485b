import { expect, test } from 'vitest';
import { pendingText } from './node-enrolment-commands.ts';

test('who waits is shown with the whole fingerprint, the longest waiting as the hub gives them', () => {
  const board = { node: 'shed', fingerprint: 'SHA256:abc', serial: 'S1', address: '10.0.0.1', reason: '', sinceMs: 0, deniedBy: '' };
  const text = pendingText(
    [
      { ...board, kind: 'join' },
      { ...board, node: 'attic', kind: 'join', enrolled: 'SHA256:other', sinceMs: 86_400_000 * 2 },
      { ...board, node: 'loft', kind: 'moved', address: '', sinceMs: 86_400_000 * 3 - 30_000 },
      { ...board, node: 'no', kind: 'join', serial: '', deniedBy: 'eve', sinceMs: 86_400_000 * 3 - 600_000 },
    ],
    86_400_000 * 3,
  );
  expect(text.split('\n')).toEqual([
    'NAME    FINGERPRINT   SERIAL   FROM       AGE   CONDITION',
    'shed    SHA256:abc    S1       10.0.0.1   3d    Pending',
    'attic   SHA256:abc    S1       10.0.0.1   24h   Pending,NameTaken',
    'loft    SHA256:abc    S1       -          30s   PendingRebind',
    'no      SHA256:abc    -        10.0.0.1   10m   Denied',
    '',
  ]);
});
