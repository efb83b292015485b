import type { NodeOperation } from '@flotilla/shared/api/fleet/node-operation.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlPlane } from '../../../../test/harness/control-plane.ts';

const day = 86_400_000;
let plane: ControlPlane;

beforeEach(async () => {
  plane = await ControlPlane.start({ controllers: ['node-operation-controller'], scheduler: false });
  await plane.addNode('pi');
});
afterEach(() => plane.stop());

const resource = () => plane.client.resource<NodeOperation>('fleet.flotilla.dev', 'nodeoperations');
const get = (name: string) => plane.client.informer<NodeOperation>('fleet.flotilla.dev', 'nodeoperations').get(name);
const make = (name: string, more: Partial<NodeOperation['spec']> = {}) =>
  resource().create('', { metadata: { name }, spec: { nodeName: 'pi', action: 'Reboot', ...more } });
const setPhase = (name: string, phase: 'Delivered' | 'Running' | 'Succeeded', more: NodeOperation['status'] = {}) =>
  resource().updateStatus('', name, (latest) => ({ ...latest, status: { ...more, phase } }));
const pass = async (ms: number) => {
  plane.clock.jumpWall(ms);
  await plane.clock.advance(6 * 3_600_000);
};

describe('an operation that its board did not take', () => {
  it('expires after its time to live, not before, by the clock of the hub', async () => {
    await make('op', { ttlSeconds: 600 });
    await plane.clock.advance(599_000);
    expect(get('op')?.status?.phase).toBe('Pending');
    await plane.clock.advance(2000);
    expect(get('op')?.status).toMatchObject({
      phase: 'Expired',
      message: 'The board did not take it within 600 seconds.',
      completionTime: expect.stringMatching(/Z$/),
      conditions: [{ type: 'Failed', status: 'True', reason: 'Expired' }],
    });
    expect(plane.events('Expired', 'op')).toEqual(['The board did not take it within 600 seconds.']);
  });

  it('expires after the longest time to live, which is longer than timers reach', async () => {
    await make('op', { ttlSeconds: 30 * 86_400 });
    await pass(29 * day);
    expect(get('op')?.status?.phase).toBe('Pending');
    await pass(day);
    expect(get('op')?.status?.phase).toBe('Expired');
  });

  it('is cancelled when that is asked for', async () => {
    await make('op');
    await resource().update('', 'op', (latest) => ({ ...latest, spec: { ...latest.spec, cancel: true } }));
    await plane.until('it is cancelled', () => get('op')?.status?.phase === 'Cancelled');
    expect(get('op')?.status?.conditions?.[0]).toMatchObject({ type: 'Failed', reason: 'Cancelled' });
  });

  it('fails when its node is not there, after a while', async () => {
    await make('op', { nodeName: 'typo' });
    await plane.clock.advance(35_000);
    expect(get('op')?.status?.phase).toBe('Pending');
    await plane.until('it failed', () => get('op')?.status?.phase === 'Failed');
    expect(get('op')?.status?.message).toBe('There is no node typo.');
  });
});

describe('an operation that its board may have begun', () => {
  it.each(['Delivered', 'Running'] as const)('is neither expired nor cancelled (%s)', async (phase) => {
    await make('op', { ttlSeconds: 600 });
    await setPhase('op', phase);
    await resource().update('', 'op', (latest) => ({ ...latest, spec: { ...latest.spec, cancel: true } }));
    await pass(day);
    expect(get('op')?.status?.phase).toBe(phase);
  });

  it.each(['Delivered', 'Running'] as const)('is Unknown when its node is gone for good (%s)', async (phase) => {
    await make('op');
    await setPhase('op', phase);
    await plane.client.resource('', 'nodes').delete('', 'pi');
    await plane.until('it is unknown', () => get('op')?.status?.phase === 'Unknown');
    expect(get('op')?.status?.message).toBe('Node pi is gone, and it had taken the operation.');
  });
});

it('an operation that ended is cleared away after its time, and one that did not is kept', async () => {
  await make('op', { ttlSecondsAfterFinished: 3600 });
  await make('waits', { ttlSecondsAfterFinished: 3600 });
  const completionTime = new Date(plane.clock.wallMs()).toISOString();
  await setPhase('op', 'Succeeded', { completionTime });
  await plane.clock.advance(3_590_000);
  expect(get('op')).toBeDefined();
  await plane.clock.advance(20_000);
  expect(get('op')).toBeUndefined();
  expect(get('waits')?.status?.phase).toBe('Pending');
});
