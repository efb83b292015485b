import { expect, it } from 'vitest';
import { SharedTrees } from './shared-trees.ts';

const of = (ip: string): Record<string, unknown> => ({
  'f:status': { 'f:podIPs': { '.': {}, [`k:{"ip":"${ip}"}`]: { '.': {}, 'f:ip': {} } }, 'f:phase': {} },
});

it('gives one frozen tree for all that are alike, and says the same as each', () => {
  const trees = new SharedTrees();
  const first = trees.share(of('10.0.0.1'));
  expect(first).toEqual(of('10.0.0.1'));
  expect(Object.isFrozen(first)).toBe(true);
  expect(trees.share(of('10.0.0.1'))).toBe(first);
  expect(trees.share(first)).toBe(first);
});

it('shares the parts of trees that differ, and keeps their order', () => {
  const trees = new SharedTrees();
  const phase = (tree: object): unknown => (tree as { 'f:status': Record<string, unknown> })['f:status']['f:phase'];
  const [one, other] = [trees.share(of('10.0.0.1')), trees.share(of('10.0.0.2'))];
  expect(other).not.toBe(one);
  expect(phase(other)).toBe(phase(one));
  expect(JSON.stringify(other)).toBe(JSON.stringify(of('10.0.0.2')));
  expect(JSON.stringify(trees.share({ 'f:b': {}, 'f:a': {} }))).toBe('{"f:b":{},"f:a":{}}');
  expect(JSON.stringify(trees.share({ 'f:a': {}, 'f:b': {} }))).toBe('{"f:a":{},"f:b":{}}');
});

it('takes what is no plain tree as it is', () => {
  const trees = new SharedTrees();
  for (const odd of [{ a: 1 }, { a: 'x' }, { a: null }, { a: { b: 'x' } }]) expect(trees.share(structuredClone(odd))).toEqual(odd);
  expect(trees.share({ a: 1 })).not.toBe(trees.share({ a: 2 }));
});

it('forgets the oldest, and goes on to be right', () => {
  const trees = new SharedTrees();
  const first = trees.share(of('10.0.0.1'));
  for (let index = 0; index < 20_000; index++) trees.share({ [`f:${index}`]: {} });
  expect(trees.share(of('10.0.0.1'))).toEqual(first);
});
