import { expect, it } from 'vitest';
import { answerLocally, type LocalRequest } from '#local/local-desk.ts';
import { runtimeSource } from '#local/runtime-source.ts';
import { type Board, makeBoard, makeContainer, makePod } from './agent-harness.ts';

async function ask(board: Board, request: LocalRequest, source = board.agent.local): Promise<string> {
  const parts: Buffer[] = [];
  const reading = (async () => {
    for await (const part of answerLocally(source, request, new AbortController().signal)) parts.push(part);
  })();
  reading.catch(() => {});
  await board.pass(10_000);
  await reading;
  return Buffer.concat(parts).toString();
}

async function twoPods(): Promise<Board> {
  const board = await makeBoard();
  const crash = makePod('crash', {
    containers: [makeContainer('main', { FAKE_EXIT_CODE: '3', FAKE_EXIT_AFTER_MS: '100', FAKE_OUTPUT: 'oh\n' })],
  });
  const web = makePod('web', {
    containers: [makeContainer('app', { FAKE_OUTPUT: 'one\ntwo\n' }), makeContainer('side', { FAKE_OUTPUT: 'beside\n' })],
  });
  await board.hub.want([web, crash]);
  await board.pass(5000);
  board.hub.reachable = false;
  return board;
}

it('shows the pods of a board that has no hub', async () => {
  const board = await twoPods();
  const lines = (await ask(board, { do: 'ps' })).trimEnd().split('\n');
  expect(lines.map((line) => line.split(/ {2,}/).slice(0, 5))).toEqual([
    ['NAMESPACE', 'NAME', 'READY', 'STATUS', 'RESTARTS'],
    ['default', 'crash', '0/1', 'CrashLoopBackOff', '1'],
    ['default', 'web', '2/2', 'Running', '0'],
  ]);
  expect(lines[2]).toMatch(/10\.213\.7\.\d+$/);
});

it('shows logs: of the first container or a named one, their tail, and of the start before', async () => {
  const board = await twoPods();
  expect(await ask(board, { do: 'logs', pod: 'web' })).toBe('one\ntwo\n');
  expect(await ask(board, { do: 'logs', pod: 'default/web', tailLines: 1 })).toBe('two\n');
  expect(await ask(board, { do: 'logs', pod: 'web', container: 'side' })).toBe('beside\n');
  expect(await ask(board, { do: 'logs', pod: 'crash', previous: true })).toBe('oh\n');
  await expect(ask(board, { do: 'logs', pod: 'web', container: 'none' })).rejects.toThrow('container "none" in pod "web" not found');
  await expect(ask(board, { do: 'logs', pod: 'other' })).rejects.toThrow('there is no pod other on this board');
});

it('restarts a pod without the hub', async () => {
  const board = await twoPods();
  expect(await ask(board, { do: 'restart', pod: 'web' })).toBe('Pod default/web was restarted.\n');
  expect(board.runtime.starts.get('default/web/app')).toBe(2);
  expect(await ask(board, { do: 'ps' })).toMatch(/web +2\/2 +Running +2 /);
});

it('tells what the board is, and that its hub is away', async () => {
  const board = await twoPods();
  const facts = await ask(board, { do: 'facts' });
  expect(facts).toMatch(/^Node: +\S+$/m);
  expect(facts).toMatch(/^Hub: +away$/m);
  expect(facts).toMatch(/^Pods: +2$/m);
  expect(facts).toMatch(/^Runtime: +fake:\/\/1\.0\.0$/m);
  expect(facts).toMatch(/^Trouble: +none$/m);
  board.hub.reachable = true;
  expect(await ask(board, { do: 'facts' })).toMatch(/^Hub: +connected$/m);
});

it('shows what the labels tell where no agent runs', async () => {
  const board = await twoPods();
  const source = runtimeSource({ runtime: board.runtime, dataDir: '/data' });
  const pods = await ask(board, { do: 'ps' }, source);
  expect(pods).toMatch(/web +2\/2 +Running +0 /);
  expect(await ask(board, { do: 'logs', pod: 'web', container: 'side' }, source)).toBe('beside\n');
  expect(await ask(board, { do: 'facts' }, source)).toMatch(/^Agent: +not running$/m);
  await expect(ask(board, { do: 'restart', pod: 'web' }, source)).rejects.toThrow('no agent runs with /data');
});
