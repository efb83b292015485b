import type { NodeOperation } from '@flotilla/shared/api/fleet/node-operation.js';
import type { ConfigMap } from '@flotilla/shared/api/generated/types.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import {
  type OperationNote,
  type OperationOrder,
  type OperationReport,
  parseOperationOrder,
} from '@flotilla/shared/protocol/operation-messages.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlPlane } from '../../../../test/harness/control-plane.ts';
import type { NodeChannel } from '../node-part.ts';
import { OperationLink } from './operation-link.ts';

let plane: ControlPlane;
let link: OperationLink;
let told: OperationOrder[];
let events: string[];

beforeEach(async () => {
  plane = await ControlPlane.start({ controllers: [], scheduler: false });
  await plane.addNode('pi');
  told = [];
  events = [];
  link = new OperationLink({
    client: plane.client,
    clientAs: () => plane.client,
    events: { event: (about, type, reason) => events.push(`${about.metadata?.name} ${type} ${reason}`) },
    clock: plane.clock,
    logger: silentLogger,
  });
  plane.client.informer<ConfigMap>('', 'configmaps');
  await plane.client.synced();
});
afterEach(() => plane.stop());

function channel(epoch: number): NodeChannel {
  return {
    device: { node: 'pi', epoch } as NodeChannel['device'],
    seal: (_purpose, payload) => payload as ReturnType<NodeChannel['seal']>,
    send: async (_kind, value) => void told.push(parseOperationOrder(JSON.parse(JSON.stringify(value)))),
    open: () => expect.fail('nothing is opened'),
    warn: () => {},
  };
}

const operations = () => plane.client.resource<NodeOperation>('fleet.flotilla.dev', 'nodeoperations');
const get = (name = 'op') => plane.client.informer<NodeOperation>('fleet.flotilla.dev', 'nodeoperations').get(name);
const make = async (name = 'op', spec: Partial<NodeOperation['spec']> = {}) =>
  (await operations().create('', { metadata: { name }, spec: { nodeName: 'pi', action: 'Reboot', ...spec } })).metadata?.uid ?? '';
const say = async (note: OperationNote) => {
  link.receive('operation', note, channel(note.session));
  await plane.clock.advance(1);
};
const report = (uid: string, number: number, more: OperationReport): OperationNote => ({
  session: 1,
  op: 'report',
  uid,
  number,
  report: more,
});
const claim = (uid: string, number: number, session = 1): OperationNote => ({ session, op: 'claim', uid, number });
const last = () => told.at(-1);

describe('the list of what waits', () => {
  it('is not said to a board for which nothing waits, and is repeated until it is heard', async () => {
    link.begin(channel(1));
    await plane.clock.advance(60_000);
    expect(told).toEqual([]);
    const uid = await make();
    await plane.clock.advance(40_000);
    expect(told).toHaveLength(3);
    expect(last()).toEqual({
      session: 1,
      op: 'list',
      number: 1,
      operations: [{ uid, name: 'op', action: 'Reboot', createdWallMs: expect.any(Number), begun: false }],
    });
    await say({ session: 1, op: 'listed', number: 1 });
    await plane.clock.advance(60_000);
    expect(told).toHaveLength(3);
    await operations().delete('', 'op');
    await plane.clock.advance(1);
    expect(last()).toMatchObject({ number: 2, operations: [] });
  });

  it('has at most 64 entries, the oldest; the others follow', async () => {
    for (let index = 0; index < 66; index++) await make(`op-${String(index).padStart(2, '0')}`);
    link.begin(channel(1));
    const names = () => {
      const order = last();
      return order?.op === 'list' ? order.operations.map(({ name }) => name) : [];
    };
    expect(names()).toHaveLength(64);
    expect(names().at(-1)).toBe('op-63');
    await operations().delete('', 'op-10');
    await plane.clock.advance(1);
    expect(names().at(-1)).toBe('op-64');
  });
});

describe('a claim', () => {
  it('is granted after that is committed, and refused for what ended, is too late or is not of this board', async () => {
    link.begin(channel(1));
    const uid = await make('op', { ttlSeconds: 60 });
    await say(claim(uid, 1));
    expect(last()).toEqual({ session: 1, op: 'answer', number: 1, granted: true, message: '' });
    expect(get()?.status).toMatchObject({ phase: 'Delivered', deliveryTime: expect.any(String) });
    await say(claim('nobody', 2));
    expect(last()).toMatchObject({ number: 2, granted: false, message: 'it was withdrawn' });
    const other = await make('other', { nodeName: 'another' });
    await say(claim(other, 3));
    expect(last()).toMatchObject({ number: 3, granted: false });
    // Says again that it has not begun, after its time.
    plane.clock.jumpWall(61_000);
    await say(claim(uid, 4));
    expect(last()).toMatchObject({ number: 4, granted: false, message: 'its time to live is over' });
    expect(get()?.status?.phase).toBe('Expired');
  });

  it('that is older than one that was answered, or of another session, says nothing', async () => {
    link.begin(channel(1));
    const uid = await make('op', { ttlSeconds: 60 });
    await say(claim(uid, 2));
    expect(last()).toMatchObject({ number: 2, granted: true });
    const before = told.length;
    plane.clock.jumpWall(61_000);
    // The board may have begun on the second answer: the first claim comes late, or again.
    for (const late of [claim(uid, 1), claim(uid, 2), claim(uid, 9, 7)]) await say(late);
    expect(get()?.status?.phase).toBe('Delivered');
    expect(told.slice(before).filter(({ op }) => op === 'answer')).toEqual([]);
  });
});

describe('a report', () => {
  it('is acknowledged after it is committed; an end stays', async () => {
    link.begin(channel(1));
    const uid = await make();
    await say(claim(uid, 1));
    await say(report(uid, 1, { phase: 'Running', message: 'begins' }));
    expect(last()).toEqual({ session: 1, op: 'ack', number: 1 });
    expect(get()?.status).toMatchObject({ phase: 'Running', message: 'begins', startTime: expect.any(String) });
    await say(report(uid, 2, { phase: 'Succeeded', message: 'done', bootIdBefore: 'a', bootIdAfter: 'b' }));
    await say(report(uid, 3, { phase: 'Failed', message: 'no' }));
    expect(last()).toMatchObject({ op: 'ack', number: 3 });
    expect(get()?.status).toMatchObject({ phase: 'Succeeded', message: 'done', result: { bootIDBefore: 'a', bootIDAfter: 'b' } });
    expect(events).toEqual(['op Normal Succeeded']);
    await say(report('deleted meanwhile', 4, { phase: 'Succeeded', message: '' }));
    expect(last()).toMatchObject({ op: 'ack', number: 4 });
  });

  it('gives way to one who knows, when nobody knew', async () => {
    link.begin(channel(1));
    const uid = await make();
    await say(report(uid, 1, { phase: 'Unknown', message: 'who knows' }));
    expect(get()?.status?.conditions).toMatchObject([{ type: 'Failed', reason: 'Unknown' }]);
    await say(report(uid, 2, { phase: 'Succeeded', message: 'done' }));
    expect(get()?.status?.conditions).toMatchObject([{ type: 'Complete', reason: 'Succeeded' }]);
  });

  it('keeps what was collected in a ConfigMap of its own, whatever stands in the way, and once', async () => {
    const taken: ConfigMap = { metadata: { name: 'nodeop-op' }, data: { mine: 'x' } };
    await plane.client.resource<ConfigMap>('', 'configmaps').create('kube-system', taken);
    link.begin(channel(1));
    const uid = await make('op', { action: 'CollectDiagnostics' });
    const collected: OperationReport = { phase: 'Succeeded', message: '', diagnostics: '{"a":1}' };
    await say(report(uid, 1, collected));
    await say(report(uid, 2, collected));
    const name = `nodeop-${uid}`;
    expect(get()?.status?.result).toEqual({ configMap: { namespace: 'kube-system', name } });
    const maps = plane.client.informer<ConfigMap>('', 'configmaps');
    expect(maps.get(`kube-system/${name}`)).toMatchObject({
      data: { 'report.json': '{"a":1}' },
      metadata: { ownerReferences: [{ kind: 'NodeOperation', name: 'op', uid }] },
    });
    expect(maps.get('kube-system/nodeop-op')?.data).toEqual({ mine: 'x' });
  });

  it('is refused when too much waits, and when it is not as it must be', async () => {
    link.begin(channel(1));
    const uid = await make();
    const many = () => {
      for (let number = 1; number < 40; number++) link.receive('operation', claim(uid, number), channel(1));
    };
    expect(many).toThrow(ProtocolError);
    await plane.clock.advance(1);
    for (const wrong of [
      {},
      { session: 1, number: 1, op: 'dance' },
      { session: 1, number: 1, op: 'report', uid, report: { phase: 'Fine', message: '' } },
    ])
      expect(() => link.receive('operation', wrong, channel(1))).toThrow(ProtocolError);
    const large = { phase: 'Succeeded', message: '', diagnostics: 'ü'.repeat(200_000) };
    expect(() => link.receive('operation', { session: 1, number: 1, op: 'report', uid, report: large }, channel(1))).toThrow(
      /262144 bytes/,
    );
  });
});
