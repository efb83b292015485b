import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { expect, it } from 'vitest';
import { boardKey, boardSerial } from './board-key.ts';

const secret = Buffer.alloc(32, 7);

it('makes the same key for the same board, and another for each other', () => {
  const key = boardKey(secret, 'board-1');
  expect(boardKey(secret, 'board-1')).toBe(key);
  const others = [boardKey(secret, 'board-2'), boardKey(Buffer.alloc(32, 8), 'board-1')];
  expect(new Set([key, ...others]).size).toBe(3);
  expect(boardSerial(secret, 'board-1')).not.toBe(boardSerial(secret, 'board-2'));
});

it('makes keys that sign', () => {
  for (let number = 0; number < 50; number++) {
    const key = createPrivateKey(boardKey(secret, `board-${number}`));
    const words = Buffer.from('hello');
    expect(verify('sha256', words, createPublicKey(key), sign('sha256', words, key))).toBe(true);
  }
});
