import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, EventList, Node, Pod } from '@flotilla/shared/api/generated/types.js';
import { afterAll, expect, test } from 'vitest';
import type { Board } from '../harness/board.ts';
import type { Ran } from '../harness/kubectl.ts';
import { LinkProxy } from '../harness/link-proxy.ts';
import { useStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

/** What an operator sees of a board that is away, typing, and what comes when it is back. */

const boardAddress = '127.0.0.2';
const node = 'board-1';
let board: Board;
let link: LinkProxy;
const stack = useStack({ hubArgs: ['--names', boardAddress] }, async (it) => {
  link = await LinkProxy.open(boardAddress, '127.0.0.1', [it.ports.api, it.ports.mqtt ?? 0]);
  board = await it.addBoard(node, { address: boardAddress, args: ['--keep-alive', '4'] });
  const pods = [pod('goes', waits), pod('stays', waits), pod('job', waits, 'Never'), pod('failed', 'echo the last words; exit 3', 'Never')];
  await it.kubectl.ok(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: pods }) });
  await it.waitFor('condition=Ready', 'pod/goes', 'pod/stays', 'pod/job');
  await it.waitFor('jsonpath={.status.phase}=Failed', 'pod/failed');
  const kept = join(it.dir, 'hub/kept-logs', node);
  await until(
    'the log of the container that failed is kept',
    () => existsSync(kept) && readdirSync(kept).some((name) => !name.startsWith('.')),
  );
});
afterAll(() => link?.close());

/** Ends well when it is told so by a signal of its own. */
const waits = 'trap "exit 0" USR1 TERM; sleep 10000 & wait';

function pod(name: string, script: string, restartPolicy = 'Always'): Pod {
  const container: Container = { name: 'main', image: 'localhost/flotilla-demo:1', command: ['sh', '-c', script] };
  const spec = { nodeName: node, restartPolicy, terminationGracePeriodSeconds: 1, containers: [container] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec };
}

const get = (name: string): Promise<Pod> => stack.get<Pod>('pod', name);
const signal = async (name: string, what: string): Promise<void> => {
  const id = (await board.containers()).find((one) => one.pod === name)?.id ?? '';
  await board.place.podman('kill', '--signal', what, id);
};
/** By reason, how often an Event of the pod was counted. */
const told = async (name: string): Promise<Record<string, number>> => {
  const { items } = await stack.get<EventList>('events', '--field-selector', `involvedObject.name=${name}`);
  const counts: Record<string, number> = {};
  for (const { reason = '', count = 1, source } of items ?? []) if (source?.host === node) counts[reason] = (counts[reason] ?? 0) + count;
  return counts;
};

interface KeptEvent {
  readonly at: { readonly wallMs: number };
  readonly event: { readonly reason: string };
}

/** The events that the agent has on disk. */
function onDisk(): KeptEvent[] {
  const dir = join(board.dataDir, 'events');
  const files = existsSync(dir) ? readdirSync(dir).filter((name) => !name.startsWith('.')) : [];
  return files.flatMap((name) => {
    const text = readFileSync(join(dir, name), 'utf8');
    return (JSON.parse(text.slice(text.indexOf('\n') + 1)) as { readonly events: KeptEvent[] }).events;
  });
}

test('cut off, it says since when it is away and what was known; logs are what was sent, or refused at once', async () => {
  link.cut();
  const since = await until('the board is known to be away', async () => {
    const { status } = await stack.get<Node>('node', node);
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    return ready?.status === 'Unknown' ? ready.lastHeartbeatTime : undefined;
  });
  const offline = `node ${node} is offline since ${since}`;
  expect(await stack.kubectl.ok(['get', 'node', node])).toMatch(/NotReady \(offline \S+\)/);
  expect(await stack.kubectl.ok(['describe', 'node', node])).toContain(`the board is offline since ${since}; its pods go on there`);
  const pods = await until('its pods say so', async () => {
    const table = await stack.kubectl.ok(['get', 'pods']);
    return /^stays +1\/1 +Running \(offline \S+\)/m.test(table) && /^job .*offline/m.test(table) ? table : undefined;
  });
  expect(pods).toMatch(/^failed +0\/1 +Error +0 /m);

  const logs = await stack.kubectl.run(['logs', 'failed']);
  expect(logs).toMatchObject({ code: 0, stdout: 'the last words\n' } satisfies Partial<Ran>);
  expect(logs.stderr).toContain(`Warning: ${offline}; these are the last 64 KiB of main's log sent at `);
  expect(await stack.kubectl.fails(['logs', 'stays'])).toBe(`Error from server (ServiceUnavailable): ${offline}`);

  const gone = await stack.kubectl.run(['delete', 'pod', 'goes', '--wait=false']);
  expect(gone.stderr.trim()).toBe(`Warning: ${offline}; the pod will be stopped when it returns`);
  expect(await stack.kubectl.ok(['get', 'pod', 'goes'])).toMatch(/Terminating \(offline \S+\)/);
});

test('at the board itself it can still be looked at', async () => {
  expect(await board.ask('ps')).toMatch(/^default +stays +1\/1 +Running +0 /m);
  expect(await board.ask('logs', 'failed')).toBe('the last words\n');
  const facts = await board.ask('facts');
  expect(facts).toMatch(/^Hub: +away$/m);
  expect(facts).toMatch(/^Runtime: +podman:/m);
});

test('a hub that starts anew says the same', async () => {
  const before = await stack.get<Node>('node', node);
  const logs = await stack.kubectl.run(['logs', 'failed']);
  await stack.hub.end('SIGKILL');
  await stack.startHub();
  expect((await stack.get<Node>('node', node)).status).toEqual(before.status);
  expect(await stack.kubectl.run(['logs', 'failed'])).toEqual(logs);
});

test('back again after SIGKILL, what was asked for is done, and what happened is told once', async () => {
  const before = await board.containers();
  const uid = (await get('stays')).metadata?.uid;
  const killedMs = Date.now();
  await signal('stays', 'KILL');
  await signal('job', 'USR1');
  await until('the board started it again', async () => {
    const now = (await board.containers()).filter((one) => one.pod === 'stays' && one.state === 'running');
    return now.length === 1 && before.every(({ id }) => id !== now[0]?.id);
  });
  await until('what happened is on its disk', () => onDisk().some(({ at, event }) => event.reason === 'Started' && at.wallMs >= killedMs));
  await board.stop('SIGKILL');
  link.mend();
  board.start();
  await stack.nodeReady(node);
  await until('the deleted pod is gone', async () => (await stack.kubectl.run(['get', 'pod', 'goes'])).code !== 0);
  await stack.waitFor('condition=Ready', 'pod/stays');
  await stack.waitFor('jsonpath={.status.phase}=Succeeded', 'pod/job');
  const back = await get('stays');
  expect(back.metadata?.uid).toBe(uid);
  expect(back.status?.containerStatuses?.[0]).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 137 } } });
  const counts = await until('its events are there', async () => {
    const now = await told('stays');
    return (now['Started'] ?? 0) >= 2 ? now : undefined;
  });
  // Of the first start and of the second.
  expect(counts).toMatchObject({ Pulled: 2, Created: 2, Started: 2 });
  expect(await stack.kubectl.ok(['get', 'pods'])).not.toContain('offline');
  expect(await stack.kubectl.ok(['logs', 'failed'])).toBe('the last words');
});
