import { expect, it } from 'vitest';

it('passes, but leaves a rejection behind', () => {
  void Promise.reject(new Error('planted: nobody handles this'));
  expect(1).toBe(1);
});
