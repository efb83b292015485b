import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { describe, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';

const dir = '/data/pki/ledger';
const board = (node: string, keyId = `key-of-${node}`) => ({ node, keyId, serial: '' });

describe('Ledger', () => {
  it('keeps boards, revocations and the epoch over a power cut', async () => {
    const files = new FakeFiles();
    const ledger = await Ledger.open({ files, dir });
    expect(ledger.newest).toEqual({ epoch: 0, revision: 0 });
    await Promise.all(Array.from({ length: 100 }, (_, index) => ledger.enter(board(`board-${index}`))));
    await ledger.revoke('board-7', 'key-of-board-7');
    await ledger.beginEpoch({ epoch: 3, revision: 42 });
    files.cutAfter(0);
    files.restore();
    const again = await Ledger.open({ files, dir });
    expect(again.boards()).toHaveLength(99);
    expect(again.board('board-8')).toEqual(board('board-8'));
    expect(again.board('board-7')).toBeUndefined();
    expect(again.isRevoked('board-7', 'key-of-board-7')).toBe(true);
    expect(again.isRevoked('board-8', 'key-of-board-8')).toBe(false);
    expect(again.newest).toEqual({ epoch: 3, revision: 42 });
  });

  it('lets a revoked key join again, and forgets no other revocation of that name', async () => {
    const files = new FakeFiles();
    const ledger = await Ledger.open({ files, dir });
    await ledger.enter(board('a', 'one'));
    await ledger.revoke('a', 'one');
    await ledger.enter(board('a', 'two'));
    await ledger.revoke('a', 'two');
    await ledger.enter(board('a', 'one'));
    expect([ledger.isRevoked('a', 'one'), ledger.isRevoked('a', 'two')]).toEqual([false, true]);
    expect(ledger.board('a')?.keyId).toBe('one');
  });

  it('never gives an epoch twice', async () => {
    const ledger = await Ledger.open({ files: new FakeFiles(), dir });
    await ledger.beginEpoch({ epoch: 2, revision: 1 });
    await expect(ledger.beginEpoch({ epoch: 2, revision: 5 })).rejects.toThrow('not above 2');
  });

  it('goes on with the copy before when one file is damaged, and refuses to begin without any', async () => {
    const files = new FakeFiles();
    const ledger = await Ledger.open({ files, dir });
    await ledger.enter(board('a'));
    await ledger.revoke('a', 'key-of-a');
    const kept = (await files.list(dir)).filter((name) => name.startsWith('boards-'));
    expect(kept).toHaveLength(2);
    await files.write(`${dir}/${kept[1]}`, 'rubbish');
    expect((await Ledger.open({ files, dir })).board('a')).toEqual(board('a'));
    await files.write(`${dir}/${kept[0]}`, 'rubbish');
    await expect(Ledger.open({ files, dir })).rejects.toThrow(/ledger of boards .* is damaged/);
  });

  it('shares writes: a fleet that joins at once does not wait for a file each', async () => {
    const files = new FakeFiles();
    const ledger = await Ledger.open({ files, dir });
    const before = files.steps;
    await Promise.all(Array.from({ length: 1000 }, (_, index) => ledger.enter(board(`board-${index}`))));
    expect(files.steps - before).toBeLessThan(64 * 20);
    expect((await Ledger.open({ files, dir })).boards()).toHaveLength(1000);
  });
});
