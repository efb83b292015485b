import { describe, expect, it } from 'vitest';
import { BoardLease } from './board-lease.ts';

const leased = (boot = 'boot-1'): BoardLease => {
  const lease = new BoardLease(boot);
  lease.add('u');
  return lease;
};

describe('a lease of a board', () => {
  it('counts from when it was asked for, not from when it was granted', () => {
    const lease = leased();
    lease.ask('n', ['u'], 1000);
    expect(lease.granted('n', { u: 10_000 })).toEqual(['u']);
    expect(lease.mayRun('u', 10_999)).toBe(true);
    expect(lease.mayRun('u', 11_000)).toBe(false);
  });

  it('is void until it is granted, and for ever where nobody asked', () => {
    const lease = leased();
    expect(lease.mayRun('u', 0)).toBe(false);
    expect(lease.granted('forged', { u: 10_000 })).toEqual([]);
    lease.ask('n', [], 0);
    expect(lease.granted('n', { u: 10_000 })).toEqual([]);
    expect(lease.mayRun('u', 0)).toBe(false);
    expect(lease.mayRun('another', 0)).toBe(true);
  });

  it('is granted once by one answer, and never shortened', () => {
    const lease = leased();
    lease.ask('a', ['u'], 0);
    lease.ask('b', ['u'], 5000);
    expect(lease.granted('b', { u: 10_000 })).toEqual(['u']);
    expect(lease.granted('b', { u: 90_000 })).toEqual([]);
    expect(lease.granted('a', { u: 10_000 })).toEqual([]);
    expect(lease.get('u')?.untilMs).toBe(15_000);
  });

  it('forgets requests that were too many ago', () => {
    const lease = leased();
    for (let turn = 0; turn < 9; turn++) lease.ask(`n${turn}`, ['u'], turn);
    expect(lease.granted('n0', { u: 10_000 })).toEqual([]);
    expect(lease.granted('n1', { u: 10_000 })).toEqual(['u']);
  });

  it('is found again by the next agent of the same boot, and void after another', () => {
    const lease = leased();
    lease.ask('n', ['u'], 1000);
    lease.granted('n', { u: 10_005 });
    lease.place('u', '/pod/1');
    expect(lease.text()).toBe('boot-1\nu 1100 10005 /pod/1\n');
    expect(BoardLease.read(lease.text(), 'boot-1').get('u')).toEqual({ uid: 'u', untilMs: 11_000, termMs: 10_005, cgroups: ['/pod/1'] });
    const rebooted = BoardLease.read(lease.text(), 'boot-2');
    expect(rebooted.mayRun('u', 0)).toBe(false);
    expect(rebooted.text()).toBe('boot-2\nu 0 10005 /pod/1\n');
  });

  it.each([undefined, '', 'boot-1', 'boot-1\nu', 'boot-1\nu soon 5', '\0\0'])('reads %j as nothing', (text) => {
    expect([...BoardLease.read(text, 'boot-1').pods()]).toEqual([]);
  });
});
