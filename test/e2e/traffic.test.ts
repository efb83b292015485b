import type { Node } from '@flotilla/shared/api/generated/types.js';
import type { BoardTraffic } from '@flotilla/shared/protocol/traffic-messages.js';
import { expect, test } from 'vitest';
import type { Board } from '../harness/board.ts';
import { useStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

let board: Board;
const stack = useStack({}, async (it) => {
  board = await it.addBoard('board-1', { args: ['--runtime', 'fake', '--profile', 'metered', '--keep-alive', '4'], images: false });
});

async function figures(): Promise<BoardTraffic> {
  const { stdout, stderr } = await stack.flotilla('node', 'traffic', 'board-1', '--json');
  expect(stderr).toBe('');
  return (JSON.parse(stdout) as { traffic: BoardTraffic }).traffic;
}

test('what a board carried can be seen, over a kill of its agent, and its budget set', async () => {
  const { stdout } = await stack.flotilla('node', 'traffic', 'board-1');
  expect(stdout).toMatch(/^Node board-1, profile metered, as of /);
  expect(stdout).toMatch(/^Data budget: 500 MB a month, \d+ % used$/m);
  expect(stdout).toMatch(/^Keep-alive: 4 s$/m);
  expect(stdout).toMatch(/^Flash, since midnight UTC: .* with \d+ syncs; budget 50 MB a day$/m);
  for (const name of ['status', 'sync', 'connect', 'all']) expect(stdout).toMatch(new RegExp(`^${name} .* (k|M)?B .* %$`, 'm'));
  const before = await figures();
  expect(before.classes.status?.up).toBeGreaterThan(500);
  expect(before.classes.connect?.down).toBeGreaterThan(1_000);

  const refused = await stack.kubectl.run(['annotate', 'node', 'board-1', 'fleet.flotilla.dev/data-budget=lots']);
  expect(refused.stderr).toContain('must be none, or a quantity of at least 100000 bytes like 500M');
  await stack.kubectl.ok(['annotate', 'node', 'board-1', 'fleet.flotilla.dev/data-budget=20M']);
  expect((await stack.flotilla('node', 'traffic', 'board-1', '--override', '2h')).stdout).toMatch(/holds nothing back until \S+Z$/);
  await until('the board knows', async () => (await figures()).overrideUntilMs !== undefined);
  expect((await figures()).budgetBytes).toBe(20_000_000);
  const { metadata, status } = await stack.get<Node>('node', 'board-1');
  expect(metadata?.annotations?.['fleet.flotilla.dev/data-budget-override-until']).toBeDefined();
  expect(status?.conditions?.find(({ type }) => type === 'DataBudgetExceeded')?.status).toBe('False');

  await board.stop('SIGTERM');
  board.start();
  await until('it is back', async () => (await figures()).sinceMs === before.sinceMs);
  await until('it counts on', async () => ((await figures()).classes.status?.up ?? 0) > (before.classes.status?.up ?? 0));
  expect(await stack.kubectl.ok(['get', '--raw', '/metrics'])).toContain(
    'flotilla_fleet_uplink_bytes_total{class="status",direction="up"}',
  );
});
