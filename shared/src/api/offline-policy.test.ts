import { describe, expect, it } from 'vitest';
import { describeFieldError } from '../errors/field.ts';
import {
  absenceOf,
  annotationsOf,
  isReplaced,
  leaseOf,
  type OfflinePolicy,
  offlinePolicy,
  validateOfflineAnnotations,
} from './offline-policy.ts';

const prefix = 'fleet.flotilla.dev';
const said = (when: string, after?: string, back?: string): Record<string, string> => ({
  [`${prefix}/when-offline`]: when,
  ...(after === undefined ? {} : { [`${prefix}/offline-after`]: after }),
  ...(back === undefined ? {} : { [`${prefix}/on-return`]: back }),
});
const pod = (annotations?: Record<string, string>, tolerationSeconds?: number | 'for ever') => ({
  metadata: annotations ? { annotations } : {},
  spec: {
    tolerations:
      tolerationSeconds === undefined
        ? []
        : [
            {
              key: 'node.kubernetes.io/unreachable',
              operator: 'Exists',
              effect: 'NoExecute',
              ...(tolerationSeconds === 'for ever' ? {} : { tolerationSeconds }),
            },
          ],
  },
});
const replace = (afterMs: number, onReturn: 'KeepOriginal' | 'KeepReplacement' = 'KeepReplacement'): OfflinePolicy => ({
  when: 'Replace',
  afterMs,
  onReturn,
});

describe('what becomes of a pod whose board is away', () => {
  it.each([
    ['keep, when nobody says anything', pod(), undefined, undefined, { when: 'Keep' }],
    ['what the pod says', pod(said('Replace', '90s', 'KeepOriginal')), said('Stop'), said('Stop'), replace(90_000, 'KeepOriginal')],
    ['five minutes when no time is given', pod(said('Stop')), undefined, undefined, { ...replace(300_000), when: 'Stop' }],
    ['what the pod says, also against its tolerations', pod(said('Keep'), 10), undefined, undefined, { when: 'Keep' }],
    ['what its tolerations say', pod(undefined, 10), said('Keep'), undefined, { ...replace(10_000), byToleration: true }],
    ['never, when it tolerates absence for ever', pod(undefined, 'for ever'), said('Replace'), undefined, { when: 'Keep' }],
    ['what the namespace says', pod(), said('Replace', '1h30m'), said('Keep'), replace(5_400_000)],
    ['what the node says', pod(), { other: 'x' }, said('Replace', '0s'), replace(0)],
    ['keep, when what is said cannot be understood', pod(said('Replace', 'soon')), undefined, undefined, { when: 'Keep' }],
  ])('%s', (_what, it, namespace, node, wanted) => {
    expect(offlinePolicy({ pod: it, namespace, node })).toEqual(wanted);
  });

  it('is a lease only by the pod itself', () => {
    expect(leaseOf(pod(said('Stop', '20s')))).toBe(20_000);
    expect(leaseOf(pod(said('Stop', '1s')))).toBeUndefined();
    expect(leaseOf(pod(said('Replace', '20s')))).toBeUndefined();
  });

  it('is written as it is read', () => {
    const stop: OfflinePolicy = { when: 'Stop', afterMs: 5000, onReturn: 'KeepOriginal' };
    for (const policy of [replace(90_500, 'KeepOriginal'), stop, { when: 'Keep' as const }])
      expect(offlinePolicy({ pod: pod(annotationsOf(policy)), namespace: undefined, node: undefined })).toEqual(policy);
  });
});

it.each([
  [said('Keep'), []],
  [said('Stop', '5s', 'KeepOriginal'), []],
  [said('Replace', '0s'), []],
  [{ [`${prefix}/on-return`]: 'KeepOriginal' }, []],
  [
    said('Sometimes'),
    [`metadata.annotations[${prefix}/when-offline]: Unsupported value: "Sometimes": supported values: "Keep", "Replace", "Stop"`],
  ],
  [
    said('Replace', '5m', 'KeepBoth'),
    [`metadata.annotations[${prefix}/on-return]: Unsupported value: "KeepBoth": supported values: "KeepOriginal", "KeepReplacement"`],
  ],
  [
    said('Stop', '4999ms'),
    [`metadata.annotations[${prefix}/offline-after]: Invalid value: "4999ms": must be between 5s and 168h for a lease`],
  ],
  [
    said('Replace', '5 minutes'),
    [`metadata.annotations[${prefix}/offline-after]: Invalid value: "5 minutes": must be a duration like 90s, 5m or 1h30m`],
  ],
  [said('Keep', '5m'), [`metadata.annotations[${prefix}/offline-after]: Forbidden: may not be given when ${prefix}/when-offline is Keep`]],
  [
    { [`${prefix}/offline-after`]: '5m' },
    [`metadata.annotations[${prefix}/when-offline]: Required value: must be given with ${prefix}/offline-after`],
  ],
])('%o is valid or not', (annotations, faults) => {
  expect(validateOfflineAnnotations(annotations, 'metadata').map(describeFieldError)).toEqual(faults);
});

it('a pod is replaced for one absence of its board, and for no other', () => {
  const away = (timeAdded: string) => [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded }];
  const replaced = pod({ [`${prefix}/replaced-in-absence`]: '2026-01-01T00:00:00Z' });
  expect(absenceOf([{ key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule', timeAdded: 'x' }])).toBeUndefined();
  expect(isReplaced(replaced, away('2026-01-01T00:00:00Z'))).toBe(true);
  expect(isReplaced(replaced, away('2026-01-02T00:00:00Z'))).toBe(false);
  expect(isReplaced(replaced, [])).toBe(false);
  expect(isReplaced(pod(), away('2026-01-01T00:00:00Z'))).toBe(false);
});
