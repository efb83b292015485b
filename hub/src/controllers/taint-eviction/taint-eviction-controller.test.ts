import type { Deployment, Namespace, Node, Pod, Taint, Toleration } from '@flotilla/shared/api/generated/types.js';
import { afterEach, describe, expect, it } from 'vitest';
import { ControlPlane } from '../../../../test/harness/control-plane.ts';
import { deployment, pod } from '../../../../test/harness/workloads.ts';
import type { LeaseLedger } from './lease-ledger.ts';
import { planDeparture } from './plan.ts';

const prefix = 'fleet.flotilla.dev';
let plane: ControlPlane;
/** Uids in the order they were given up. */
let givenUp: string[];
let leaseOverInMs: number;
const ledger: LeaseLedger = {
  overInMs: () => leaseOverInMs,
  giveUp: ({ metadata }) => (leaseOverInMs > 0 ? false : givenUp.push(metadata?.uid ?? '') > 0),
  settle: () => {},
};
async function start(...nodes: string[]): Promise<void> {
  givenUp = [];
  leaseOverInMs = 60_000;
  plane = await ControlPlane.start({ leases: ledger });
  for (const name of nodes) await plane.addNode(name);
}
afterEach(() => plane?.stop());
const nodes = () => plane.client.resource<Node>('', 'nodes');
const pods = () => plane.client.resource<Pod>('', 'pods');
const getPod = (name: string) => plane.client.informer<Pod>('', 'pods').get(`default/${name}`);
const annotated = <T extends Pod | Namespace>(object: T, annotations: Record<string, string>): T => ({
  ...object,
  metadata: { ...object.metadata, annotations: { ...object.metadata?.annotations, ...annotations } },
});
const when = (policy: string, after = '60s', back = 'KeepReplacement') => ({
  [`${prefix}/when-offline`]: policy,
  [`${prefix}/offline-after`]: after,
  [`${prefix}/on-return`]: back,
});
const exclusive = (annotations: Record<string, string>): Deployment => {
  const one = deployment('web', 1);
  return {
    ...one,
    spec: { ...one.spec, template: { ...one.spec?.template, metadata: { labels: { app: 'web' }, annotations } } } as Deployment['spec'],
  };
};
const running = (): boolean => plane.pods().length > 0 && plane.pods().every(({ status }) => status?.phase === 'Running');
/** A pod that ran on one of two boards, which is away now. */
async function leftAway(annotations: Record<string, string>): Promise<{ original: Pod['metadata']; name: string; away: string }> {
  await start('a', 'b');
  await plane.client.resource<Deployment>('apps', 'deployments').create('default', exclusive(annotations));
  await plane.until('it runs', running);
  const [{ metadata: original, spec } = {}] = plane.pods();
  const away = spec?.nodeName ?? '';
  plane.liveness.set(away, false);
  return { original, name: original?.name ?? '', away };
}
/** The board is there again, and says so. */
async function comesBack(node: string): Promise<void> {
  plane.liveness.set(node, true);
  await nodes().updateStatus('', node, (current) => ({
    ...current,
    status: { ...current.status, conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }] },
  }));
}

describe('a pod whose board is away', () => {
  it('stays, when nobody said anything else; its namespace and its node may, too', async () => {
    await start('a');
    for (const name of ['stays', 'also-stays']) await pods().create('default', pod(name));
    await plane.until('they run', running);
    plane.liveness.set('a', false);
    await plane.clock.advance(3600_000);
    expect(plane.pods().some(({ metadata }) => metadata?.deletionTimestamp)).toBe(false);
    // Nobody makes another of a pod that is on its own, whatever its node says.
    await nodes().update('', 'a', (node) => ({ ...node, metadata: { ...node.metadata, annotations: when('Replace', '1s') } }));
    await plane.clock.advance(3600_000);
    expect(plane.pods().some(({ metadata }) => metadata?.deletionTimestamp)).toBe(false);
    expect(plane.events('TaintManagerEviction')).toEqual([]);
  });

  it('leaves after the time that its own toleration names, and only then', async () => {
    await start('a');
    const tolerations = [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }];
    for (const item of [pod('leaves', { tolerations }), pod('stays')]) await pods().create('default', item);
    await plane.until('they run', running);
    plane.liveness.set('a', false);
    await plane.clock.advance(55_000);
    // The hub's wall clock says that an hour has gone by.
    plane.clock.jumpWall(3600_000);
    await plane.clock.advance(1000);
    expect(getPod('leaves')?.metadata?.deletionTimestamp).toBeUndefined();
    await plane.clock.advance(15_000);
    expect(getPod('leaves')?.metadata?.deletionTimestamp).toBeDefined();
    // Nobody confirmed its stop, so it is still there.
    await plane.clock.advance(3600_000);
    expect(getPod('leaves')).toBeDefined();
    expect(getPod('stays')?.metadata?.deletionTimestamp).toBeUndefined();
  });

  it('stays when its board is back in time, and that is said', async () => {
    await start('a');
    const tolerations = [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }];
    await pods().create('default', pod('p', { tolerations }));
    await plane.until('it runs', running);
    plane.liveness.set('a', false);
    await plane.clock.advance(30_000);
    await comesBack('a');
    await plane.until('that is told', () => plane.events('TaintManagerEviction').length > 0);
    expect(plane.events('TaintManagerEviction')).toEqual(['Cancelling deletion of Pod default/p']);
    await plane.clock.advance(120_000);
    expect(getPod('p')?.metadata?.deletionTimestamp).toBeUndefined();
  });

  it.each(['pod', 'namespace', 'node'])('is replaced after a time that its %s names, and goes when its board is back', async (level) => {
    await start('a', 'b');
    const annotations = when('Replace');
    if (level === 'namespace')
      await plane.client.resource<Namespace>('', 'namespaces').update('', 'default', (it) => annotated(it, annotations));
    await plane.client.resource<Deployment>('apps', 'deployments').create('default', exclusive(level === 'pod' ? annotations : {}));
    await plane.until('it runs', running);
    const [original] = plane.pods();
    const away = original?.spec?.nodeName ?? '';
    if (level === 'node') await nodes().update('', away, (node) => ({ ...node, metadata: { ...node.metadata, annotations } }));
    plane.liveness.set(away, false);
    await plane.clock.advance(55_000);
    expect(plane.pods()).toHaveLength(1);
    await plane.until('another runs elsewhere', () =>
      plane.pods().some(({ spec, status }) => spec?.nodeName !== away && status?.phase === 'Running'),
    );
    expect(getPod(original?.metadata?.name ?? '')?.metadata?.deletionTimestamp).toBeDefined();
    expect(plane.events('TaintManagerEviction')).toEqual([`Marking for deletion Pod default/${original?.metadata?.name}`]);
    await comesBack(away);
    await plane.until('the original is gone', () => plane.pods().length === 1);
    expect(plane.pods()[0]?.metadata?.uid).not.toBe(original?.metadata?.uid);
  });

  it('is replaced, and has its place back when its board is', async () => {
    const { original, name, away } = await leftAway(when('Replace', '60s', 'KeepOriginal'));
    await plane.until(
      'another runs elsewhere',
      () => plane.pods().length === 2 && plane.pods().every(({ status }) => status?.phase === 'Running'),
    );
    expect(plane.events('ReplacedWhileOffline')).toHaveLength(1);
    await plane.clock.advance(3600_000);
    expect(plane.pods()).toHaveLength(2);
    expect(getPod(name)?.metadata?.deletionTimestamp).toBeUndefined();
    const status = () => plane.client.informer<Deployment>('apps', 'deployments').get('default/web')?.status;
    expect(status()).toMatchObject({ replicas: 1, readyReplicas: 1 });
    await comesBack(away);
    await plane.until('one is left', () => plane.pods().length === 1);
    expect(plane.pods()[0]?.metadata?.uid).toBe(original?.uid);
    await plane.until('it is as any other', () => getPod(name)?.metadata?.annotations?.[`${prefix}/replaced-in-absence`] === undefined);
    // The next absence is another one, and counts from its own beginning.
    plane.liveness.set(away, false);
    await plane.clock.advance(30_000);
    expect(plane.pods()).toHaveLength(1);
    await plane.until('it is replaced again', () => plane.pods().length === 2);
    expect(plane.started.filter((key) => key === `default/${name}`)).toHaveLength(1);
  });

  it('is given up when its last lease is over, and gone at once, for nothing of it can be running', async () => {
    const { original, away } = await leftAway(when('Stop'));
    await plane.clock.advance(3600_000);
    expect(plane.pods()).toHaveLength(1);
    expect(givenUp).toEqual([]);
    leaseOverInMs = 0;
    await plane.until('another runs elsewhere', () => plane.pods().length === 1 && plane.pods()[0]?.spec?.nodeName !== away && running());
    expect(givenUp).toEqual([original?.uid]);
  });

  it('that somebody deletes has no successor before its last lease is over', async () => {
    const { original, name, away } = await leftAway(when('Stop'));
    await plane.clock.advance(10_000);
    await pods().delete('default', name);
    await plane.clock.advance(600_000);
    expect(plane.pods().map(({ metadata }) => metadata?.uid)).toEqual([original?.uid]);
    leaseOverInMs = 0;
    await plane.until('another runs elsewhere', () => plane.pods().length === 1 && plane.pods()[0]?.spec?.nodeName !== away && running());
  });

  it('waits for the replacement to be gone before it may run again, where it stops with its lease', async () => {
    const { original, name, away } = await leftAway(when('Stop', '60s', 'KeepOriginal'));
    const marked = () => getPod(name)?.metadata?.annotations?.[`${prefix}/replaced-in-absence`] !== undefined;
    const other = away === 'a' ? 'b' : 'a';
    await plane.clock.advance(10_000);
    leaseOverInMs = 0;
    await plane.until('another runs elsewhere', () =>
      plane.pods().some(({ spec, status }) => spec?.nodeName === other && status?.phase === 'Running'),
    );
    expect(marked()).toBe(true);
    // Where the replacement runs nobody answers either: it is to go, and nobody has said that it went.
    leaseOverInMs = 60_000;
    plane.liveness.set(other, false);
    await plane.clock.advance(10_000);
    await comesBack(away);
    await plane.until('the replacement is to go', () => plane.pods().some(({ metadata }) => metadata?.deletionTimestamp));
    await plane.clock.advance(600_000);
    expect(plane.pods()).toHaveLength(2);
    expect(marked()).toBe(true);
    leaseOverInMs = 0;
    await plane.until('it is gone', () => plane.pods().length === 1);
    await plane.until('the original may run', () => !marked());
    expect(plane.pods()[0]?.metadata?.uid).toBe(original?.uid);
  });
});

describe('a NoExecute taint of an operator', () => {
  it('evicts at once', async () => {
    await start('a');
    await pods().create('default', pod('goes'));
    await plane.until('it runs', running);
    await nodes().update('', 'a', (current) => ({ ...current, spec: { ...current.spec, taints: [{ key: 'out', effect: 'NoExecute' }] } }));
    await plane.until('it is gone', () => getPod('goes') === undefined);
    expect(plane.events('TaintManagerEviction')).toEqual(['Marking for deletion Pod default/goes']);
  });

  it('`out-of-service` removes the pods of a board that is away, and not those of one that is there before they stopped', async () => {
    const taints = [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }];
    const { original, away } = await leftAway({});
    await plane.clock.advance(60_000);
    expect(plane.pods()).toHaveLength(1);
    await nodes().update('', away, (current) => ({
      ...current,
      spec: { ...current.spec, taints: [...(current.spec?.taints ?? []), ...taints] },
    }));
    await plane.until(
      'it is gone and another runs',
      () => plane.pods().length === 1 && plane.pods()[0]?.spec?.nodeName !== away && running(),
    );
    expect(plane.pods()[0]?.metadata?.uid).not.toBe(original?.uid);
    await plane.until('it is told who said so', () => plane.events('NodeFenced').length > 0);
    expect(plane.events('NodeFenced', away)[0]).toMatch(/^admin declared the node out of service at 2026-/);
    await nodes().update('', away, (current) => ({ ...current, spec: { ...current.spec, taints: [] } }));
    await plane.until('it is told that it is over', () => plane.events('NodeUnfenced', away).length > 0);
  });
});

describe('when and how a pod leaves', () => {
  const away: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:00Z' };
  const out: Taint = { key: 'out', effect: 'NoExecute' };
  const plan = (item: Pod, taints: readonly Taint[], namespace?: Record<string, string>) =>
    planDeparture({
      pod: item,
      node: { metadata: { name: 'a' }, spec: { taints: [...taints] } },
      namespace,
      elapsedMs: () => 60_000,
      leaseOverInMs: () => 7_000,
    });
  const tolerating = (...tolerations: Toleration[]): Pod => pod('p', { tolerations });
  const owned = (kind: string, item: Pod): Pod => ({
    ...item,
    metadata: { ...item.metadata, ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'o', uid: 'o', controller: true }] },
  });
  const going = (item: Pod): Pod => ({ ...item, metadata: { ...item.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
  const every: Toleration = { operator: 'Exists' };
  it.each([
    ['never for absence alone', plan(pod('p'), [away]), undefined],
    ['never where it tolerates all for ever', plan(tolerating(every), [away, out]), undefined],
    ['after a finite toleration', plan(tolerating({ ...every, tolerationSeconds: 100 }), [away]), { how: 'delete', afterMs: 40_000 }],
    ['at once when that is over', plan(tolerating({ ...every, tolerationSeconds: 10 }), [away]), { how: 'delete', afterMs: 0 }],
    [
      'at once for a taint it does not tolerate',
      plan(tolerating({ key: 'other', operator: 'Exists' }), [out]),
      { how: 'delete', afterMs: 0 },
    ],
    [
      'by the first toleration that fits, not by one behind it',
      plan(tolerating({ key: 'out', operator: 'Exists' }, { ...every, tolerationSeconds: 1 }), [out]),
      undefined,
    ],
    [
      'by the shortest of all taints',
      plan(tolerating({ key: 'out', operator: 'Exists', tolerationSeconds: 90 }, { ...every, tolerationSeconds: 100 }), [away, out]),
      { how: 'delete', afterMs: 30_000 },
    ],
    ['as its policy says', plan(owned('Job', annotated(pod('p'), when('Replace', '90s'))), [away]), { how: 'delete', afterMs: 30_000 }],
    ['as its namespace says', plan(owned('Job', pod('p')), [away], when('Replace', '90s')), { how: 'delete', afterMs: 30_000 }],
    ['never where nobody makes another', plan(annotated(pod('p'), when('Replace', '90s')), [away]), undefined],
    [
      'kept for its return',
      plan(owned('ReplicaSet', annotated(pod('p'), when('Replace', '90s', 'KeepOriginal'))), [away]),
      { how: 'replace', afterMs: 30_000, absence: '2026-01-01T00:00:00Z', lease: false },
    ],
    ['with its lease', plan(owned('Job', annotated(pod('p'), when('Stop'))), [away]), { how: 'remove', afterMs: 7000 }],
    ['with its lease, when somebody deleted it', plan(going(annotated(pod('p'), when('Stop'))), [away]), { how: 'remove', afterMs: 7000 }],
    ['never twice', plan(going(tolerating()), [out]), undefined],
  ])('%s', (_what, departure, wanted) => {
    expect(departure).toEqual(wanted);
  });
});
