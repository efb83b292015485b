import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlPlane } from '../../../../test/harness/control-plane.ts';
import { pod } from '../../../../test/harness/workloads.ts';
import type { NodeChannel } from '../node-part.ts';
import { PodLeases } from './pod-leases.ts';

const annotations = { 'fleet.flotilla.dev/when-offline': 'Stop', 'fleet.flotilla.dev/offline-after': '60s' };
let plane: ControlPlane;
let leases: PodLeases;
let sent: unknown[];

beforeEach(async () => {
  plane = await ControlPlane.start({ controllers: [], scheduler: false });
  sent = [];
});
afterEach(() => plane.stop());

const channel = (node: string, epoch = 1): NodeChannel => ({
  device: { node, epoch, bootId: 'boot', keepAliveMs: 20_000, transport: 'mqtt' } as NodeChannel['device'],
  send: async (kind, value) => void sent.push({ kind, value }),
  seal: () => expect.fail('nothing is signed'),
  open: () => expect.fail('nothing is opened'),
  warn: () => {},
});
const bound = async (name: string, node: string, more: Record<string, string> = annotations): Promise<string> => {
  const item = pod(name, { nodeName: node });
  const made = await plane.client
    .resource<Pod>('', 'pods')
    .create('default', { ...item, metadata: { ...item.metadata, annotations: more } });
  return made.metadata?.uid ?? '';
};
/** What a hub that starts now grants and how. */
async function startLeases(): Promise<void> {
  leases = new PodLeases({ client: plane.client, clock: plane.clock, logger: silentLogger });
  await plane.client.synced();
  leases.start();
}
function ask(node: string, held: readonly string[], idle: readonly string[] = [], more: object = {}): unknown {
  sent = [];
  leases.receive('lease', { session: 1, nonce: 'n', bootId: 'boot', held, void: idle, ...more }, channel(node));
  return (sent[0] as { value: { pods: unknown } } | undefined)?.value.pods;
}

describe('a hub that is asked for leases', () => {
  it('grants those of the pods of that very board, in one answer', async () => {
    await startLeases();
    const [one, two, other, none] = [
      await bound('one', 'a'),
      await bound('two', 'a', { ...annotations, 'fleet.flotilla.dev/offline-after': '5s' }),
      await bound('other', 'b'),
      await bound('none', 'a', {}),
    ];
    expect(ask('a', [one], [two, other, none, 'unknown'])).toEqual({ [one]: 60_000, [two]: 5000 });
    expect(sent).toEqual([{ kind: 'grant', value: { session: 1, nonce: 'n', pods: { [one]: 60_000, [two]: 5000 } } }]);
    // What the whole costs for one pod, beside the packet.
    expect(JSON.stringify(sent[0]).length).toBeLessThan(220);
  });

  it('answers nothing that another session or another boot asked', async () => {
    await startLeases();
    const one = await bound('one', 'a');
    expect(ask('a', [one], [], { session: 2 })).toBeUndefined();
    expect(ask('a', [one], [], { bootId: 'another' })).toBeUndefined();
    expect(() => ask('a', [one], [], { nonce: 7 })).toThrow(ProtocolError);
    expect(() => ask('a', [one], [7 as unknown as string])).toThrow('lease.void has something that is no uid');
  });

  it('after its start renews at once, and begins anew only what was made since, or when a whole term has gone by', async () => {
    const old = await bound('old', 'a');
    await plane.clock.advance(5000);
    await startLeases();
    const young = await bound('young', 'a');
    expect(ask('a', [old], [young])).toEqual({ [old]: 60_000, [young]: 60_000 });
    expect(ask('a', [], [old, young])).toEqual({ [young]: 60_000 });
    await plane.clock.advance(65_600);
    expect(ask('a', [], [old])).toEqual({ [old]: 60_000 });
  });

  it('gives a pod up when the last lease is over, and grants no more while it says so in the store', async () => {
    await startLeases();
    const uid = await bound('one', 'a');
    const one = plane.pods()[0] as Pod;
    expect(leases.overInMs(one)).toBe(65_600);
    await plane.clock.advance(60_000);
    expect(ask('a', [uid])).toEqual({ [uid]: 60_000 });
    await plane.clock.advance(65_599);
    expect(leases.overInMs(one)).toBe(1);
    expect(leases.giveUp(one)).toBe(false);
    await plane.clock.advance(1);
    expect(leases.giveUp(one)).toBe(true);
    expect(ask('a', [uid])).toEqual({});
    leases.settle(one);
    expect(ask('a', [uid])).toEqual({ [uid]: 60_000 });
  });

  it('grants nothing to a pod in whose place another was made', async () => {
    await startLeases();
    const taken = await bound('taken', 'a', { ...annotations, 'fleet.flotilla.dev/replaced-in-absence': '2026-01-01T00:00:00Z' });
    expect(ask('a', [], [taken])).toEqual({});
  });
});
