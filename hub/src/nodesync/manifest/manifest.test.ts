import { compareGenerations, type Generation } from '@flotilla/shared/protocol/messages.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManifestNumbers } from './manifest-numbers.ts';

test('numbers only grow, over hubs that start anew at any time, and stay for the same content', () => {
  const step = fc.record({ change: fc.nat(2), restart: fc.boolean(), delivered: fc.boolean(), visible: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let store = 1;
      let seen = 0;
      let board: Generation | undefined;
      let numbers = new ManifestNumbers({ epoch: 1, seen: () => seen });
      let digest = 'd0';
      for (const { change, restart, delivered, visible } of steps) {
        // Every change has a revision; one that deletes may leave no trace that a later hub sees.
        if (change > 0) digest = `d${++store}`;
        if (restart) {
          numbers = new ManifestNumbers({ epoch: 1, seen: () => seen });
          seen = visible ? store : 0;
        } else seen = store;
        if (board?.digest === digest) continue;
        const given = numbers.number('a', digest, board);
        expect(given.revision).toBeLessThanOrEqual(Math.max(store, (board?.revision ?? 0) + 1, 1));
        if (board) expect(compareGenerations(given, board)).toBeGreaterThan(0);
        expect(numbers.number('a', digest, board)).toEqual(given);
        if (delivered) board = given;
      }
    }),
  );
});
