import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enrol } from '@flotilla/agent/hublink/enrol.js';
import { hubHttp } from '@flotilla/agent/hublink/mqtt-door.js';
import { writeKubeconfig } from '@flotilla/hub/auth/pki/admin-kubeconfig.js';
import { apiClient } from '@flotilla/hub/cmd/api-client.js';
import { approveCommand, denyCommand, replaceCommand, retireCommand } from '@flotilla/hub/cmd/node-enrolment-commands.js';
import { enrolmentPath, type ShownWaitingBoard } from '@flotilla/hub/nodesync/enrol/enrolment-routes.js';
import type { Event, Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { until } from '../harness/until.ts';
import { openTrustHub, type TrustHub } from './trust-world.ts';

/** Boards that an operator decides about, over real TLS and with the commands he types. */

const files = new SystemFiles();
let dir: string;
let world: TrustHub;
let kubeconfig: string;
let said = '';

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-waiting-'));
  world = await openTrustHub();
  kubeconfig = join(dir, 'admin.kubeconfig');
  await writeKubeconfig(files, kubeconfig, { server: world.address, caCertPem: world.pki.caCertPem, client: world.pki.admin });
});
afterAll(async () => {
  await world?.close();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(() => {
  said = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const ask = (node: string, text: string, { folder = node, serial = '' } = {}) =>
  enrol({ files, dir: join(dir, folder), http: hubHttp, logger: silentLogger, hubs: [world.address], node, serial, token: text });
const waiting = async (): Promise<readonly ShownWaitingBoard[]> =>
  (await apiClient(kubeconfig).get<{ readonly items: readonly ShownWaitingBoard[] }>(enrolmentPath)).items;
const told = (reason: string): string[] =>
  world.hub.admin
    .informer<Event>('', 'events')
    .list()
    .filter((event) => event.reason === reason)
    .map(({ message = '' }) => message);
const node = (name: string) => world.hub.admin.informer<Node>('', 'nodes').get(name);
/** What a link logs when the hub does not know its key. */
const isRefusal = (line: string): boolean => /no connection to the hub.*unauthorized|not authorized/i.test(line);
const makeNode = (name: string) =>
  world.hub.admin.resource<Node>('', 'nodes').create('', { apiVersion: 'v1', kind: 'Node', metadata: { name } });

test('a board whose token expired waits until somebody approves it, by its key; then the same token does', async () => {
  const expired = await world.token({ ttlMs: -1000, uses: 1, node: 'shed' });
  await expect(ask('shed', expired, { serial: 'S-1' })).rejects.toThrow(/expired at .* flotilla node approve shed --fingerprint SHA256:/);
  await expect(ask('shed', expired, { serial: 'S-1' })).rejects.toMatchObject({ name: 'WaitsForApproval', retryAfterMs: 30_000 });
  // Another one says that it has that name.
  await expect(ask('shed', expired, { folder: 'liar' })).rejects.toMatchObject({ name: 'WaitsForApproval' });
  const [first, second] = await waiting();
  expect(first).toMatchObject({ node: 'shed', serial: 'S-1', address: expect.stringContaining('127.0.0.1'), kind: 'join' });
  await expect(approveCommand('shed', { kubeconfig })).rejects.toThrow(/2 boards wait under this name; say which with --fingerprint/);
  await expect(approveCommand('shed', { kubeconfig, fingerprint: 'SHA256:abc' })).rejects.toThrow('8 characters or more');
  await approveCommand('shed', { kubeconfig, fingerprint: (first?.fingerprint ?? '').slice(0, 7 + 12) });
  expect(said).toBe(`node shed approved (${first?.fingerprint})\n`);
  const joined = await ask('shed', expired, { serial: 'S-1' });
  expect(joined.node).toBe('shed');
  await expect(ask('shed', expired, { folder: 'liar' })).rejects.toThrow('expired at');
  await denyCommand('shed', { kubeconfig });
  await expect(ask('shed', expired, { folder: 'liar' })).rejects.toThrow(/kubernetes-admin denied this board/);
  expect(await waiting()).toMatchObject([{ fingerprint: second?.fingerprint, deniedBy: 'kubernetes-admin', enrolled: first?.fingerprint }]);
  await until('it was told', () => told('BoardApproved').length > 0 && told('BoardWaits').length > 1 && told('BoardDenied').length > 0);
  expect(told('BoardApproved')).toEqual([`User "kubernetes-admin" approved the board of node shed (${first?.fingerprint})`]);
});

test('a token without uses lets nobody in by itself, a stranger and another board’s token not even wait', async () => {
  const asking = await world.token({ uses: 0 });
  await expect(ask('asks', asking)).rejects.toMatchObject({ name: 'WaitsForApproval' });
  await approveCommand('asks', { kubeconfig });
  expect((await ask('asks', asking)).node).toBe('asks');
  const before = (await waiting()).length;
  await expect(ask('stranger', asking.replace(/^f1\.[0-9a-f]{10}/, 'f1.0000000000'))).rejects.toMatchObject({ name: 'EnrolError' });
  await expect(ask('stranger', await world.token({ node: 'other', ttlMs: -1000 }))).rejects.toMatchObject({ name: 'EnrolError' });
  expect(await waiting()).toHaveLength(before);
});

test('a card flashed anew gets its name back only when the operator says so', async () => {
  const old = await ask('cellar', await world.token());
  const again = () => world.token().then((text) => ask('cellar', text, { folder: 'cellar-2' }));
  await expect(again()).rejects.toThrow(/another board is enrolled under this name.*waits to be approved/);
  await expect(approveCommand('cellar', { kubeconfig })).rejects.toThrow(/say --take-over/);
  const board = await world.board(old, { dir: join(dir, 'cellar') });
  await board.welcomed(0);
  await expect(approveCommand('cellar', { kubeconfig, takeOver: true })).rejects.toThrow('its board is connected');
  await board.close();
  await until('the hub heard that', () => world.broker.session('cellar') === undefined);
  await approveCommand('cellar', { kubeconfig, takeOver: true });
  expect((await again()).key).not.toBe(old.key);
});

/** A card that was moved from the machine OLD to NEW; resolves when the node shows it. */
async function movedCard(name: string) {
  const enrolment = await ask(name, await world.token(), { serial: 'OLD' });
  await makeNode(name);
  const pending = () => node(name)?.status?.conditions?.find(({ type }) => type === 'PendingRebind');
  const on = (serial: string, bootId: string) => world.board(enrolment, { dir: join(dir, name), serial, bootId });
  const moved = await on('NEW', 'boot-1');
  await until('it shows', () => pending() !== undefined);
  expect(pending()).toMatchObject({ status: 'True', reason: 'HardwareChanged', message: expect.stringContaining('serial NEW') });
  expect((await waiting()).find((one) => one.node === name)).toMatchObject({ kind: 'moved', serial: 'NEW' });
  expect(moved.sessions()).toBe(0);
  await moved.close();
  return { on, pending };
}

test('a card in another machine: the node shows it, and goes on when it is approved', async () => {
  const { on, pending } = await movedCard('attic');
  await approveCommand('attic', { kubeconfig });
  expect(pending()).toBeUndefined();
  const approved = await on('NEW', 'boot-2');
  await approved.welcomed(0);
  await approved.close();
  expect((await waiting()).some((one) => one.node === 'attic')).toBe(false);
});

test('a card in another machine: nothing is pending when the one that is registered comes back', async () => {
  const { on, pending } = await movedCard('loft');
  const home = await on('OLD', 'boot-2');
  await home.welcomed(0);
  await until('it is over', () => pending() === undefined);
  await home.close();
  expect((await waiting()).some((one) => one.node === 'loft')).toBe(false);
});

test('a card in another machine goes on at once where the node says so', async () => {
  const enrolment = await ask('mobile', await world.token(), { serial: 'OLD' });
  const annotations = { 'fleet.flotilla.dev/rebind': 'Approve' };
  await world.hub.admin
    .resource<Node>('', 'nodes')
    .create('', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'mobile', annotations } });
  const first = await world.board(enrolment, { dir: join(dir, 'mobile'), serial: 'NEW' });
  await until('it was told', () => told('BoardApproved').some((message) => message.includes('annotation fleet.flotilla.dev/rebind')));
  await first.close();
  const second = await world.board(enrolment, { dir: join(dir, 'mobile'), serial: 'NEW', bootId: 'boot-2' });
  await second.welcomed(0);
  await second.close();
});

test('nobody decides without a role: no stranger, no board', async () => {
  const { node: name, certificate, key } = await ask('nosy', await world.token());
  const status = (credentials: { readonly cert?: string; readonly key?: string }): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const options = { method: 'POST', ca: world.pki.caCertPem, agent: false, ...credentials };
      request(`${world.address}${enrolmentPath}/approve`, options, (response) => resolve(response.resume().statusCode))
        .once('error', reject)
        .end(JSON.stringify({ node: name }));
    });
  expect([await status({}), await status({ cert: certificate, key })]).toEqual([401, 403]);
});

test('a new board takes the place of an old one: its key, its name, and it learns so by itself', async () => {
  const old = await ask('kitchen', await world.token());
  await makeNode('kitchen');
  const spare = await ask('spare', await world.token(), { serial: 'SPARE' });
  await makeNode('spare');
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { nodeName: 'spare', containers: [{ name: 'c', image: 'x' }] },
  };
  await until('its namespace is ready', () => world.hub.admin.informer('', 'serviceaccounts').get('default/default') !== undefined);
  await world.hub.admin.resource<Pod>('', 'pods').create('default', pod);
  const replace = () => replaceCommand('kitchen', 'spare', { kubeconfig, yes: true });
  await expect(replace()).rejects.toThrow('1 pods are bound to it: drain it first');
  await world.hub.admin.resource('', 'pods').delete('default', 'p', { gracePeriodSeconds: 0 });
  const board = await world.board(spare, { dir: join(dir, 'spare'), serial: 'SPARE' });
  await board.welcomed(0);
  await expect(replaceCommand('nobody', 'spare', { kubeconfig, yes: true })).rejects.toThrow('nodes "nobody" not found');
  await replace();
  expect(node('spare')).toBeUndefined();
  expect(node('kitchen')).toBeDefined();
  // The link is refused under the old name; asking for a new certificate tells what the new one is.
  await until('it is refused', () => board.log.some(isRefusal));
  board.renewal.refused();
  await until('it has its name', () => board.renewal.current.node === 'kitchen');
  const renamed = board.renewal.current;
  expect(renamed).toMatchObject({ assigned: true, key: spare.key });
  await board.close();
  expect(await ask('spare', '')).toEqual(renamed);
  const again = await world.board(renamed, { dir: join(dir, 'spare'), serial: 'SPARE', bootId: 'boot-2' });
  await again.welcomed(0);
  await again.close();
  const former = await world.board(old, { dir: join(dir, 'kitchen'), bootId: 'boot-9' });
  await until('the old board is refused', () => former.log.some(isRefusal));
  await former.close();
});

test('a board that waits takes the place of an old one', async () => {
  await ask('hall', await world.token());
  const text = await world.token({ uses: 0 });
  await expect(ask('new-hall', text)).rejects.toMatchObject({ name: 'WaitsForApproval' });
  await replaceCommand('hall', 'new-hall', { kubeconfig, yes: true });
  expect(await ask('new-hall', text)).toMatchObject({ node: 'hall', assigned: true });
});

test('a node is retired: nothing of it is left, and its key opens nothing', async () => {
  const enrolment = await ask('leaver', await world.token());
  await makeNode('leaver');
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'q' },
    spec: { nodeName: 'leaver', containers: [{ name: 'c', image: 'x' }] },
  };
  await until('its namespace is ready', () => world.hub.admin.informer('', 'serviceaccounts').get('default/default') !== undefined);
  await world.hub.admin.resource<Pod>('', 'pods').create('default', pod);
  const retire = (more: { readonly force?: boolean } = {}) => retireCommand('leaver', { kubeconfig, yes: true, timeout: '0s', ...more });
  // The board is away: nobody says that its pod has stopped.
  await expect(retire()).rejects.toThrow(/1 pods are still on node leaver \(default\/q\).*--force/);
  expect(node('leaver')?.spec?.unschedulable).toBe(true);
  await retire({ force: true });
  expect([node('leaver'), world.hub.admin.informer('', 'secrets').get('kube-system/flotilla-board-leaver')]).toEqual([
    undefined,
    undefined,
  ]);
  const board = await world.board(enrolment, { dir: join(dir, 'leaver') });
  await until('it is refused', () => board.log.some(isRefusal));
  await board.close();
  await expect(retire()).rejects.toThrow('nodes "leaver" not found');
});
