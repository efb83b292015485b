import { budgetAnnotations } from '@flotilla/shared/api/board-budget.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { type BoardTraffic, parseTraffic } from '@flotilla/shared/protocol/traffic-messages.js';
import { describe, expect, it } from 'vitest';
import { LinkCounter } from '#budget/link-counter.ts';
import { linkProfileTable } from '#config/link-profiles.ts';
import { KeepAlive } from '#hublink/keep-alive.ts';
import { type Board, makeBoard, makeContainer, makePod } from './agent-harness.ts';

const { dataBudget, dataBudgetDay, dataBudgetOverride, flashBudget, profile } = budgetAnnotations;
const minute = 60_000;
const routes = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\nwwan0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n';

interface Setup {
  readonly board: Board;
  /** Of the link, as the kernel sees it too. */
  readonly counter: LinkCounter;
  /** So much passed on the uplink, by the kernel's count. */
  carry(down: number, up?: number): Promise<void>;
  annotate(annotations: Record<string, string>): Promise<void>;
  figures(): Promise<BoardTraffic>;
}

async function setUp(annotations: Record<string, string> = {}): Promise<Setup> {
  let counter = new LinkCounter();
  const setup = {
    board: await makeBoard({
      start: false,
      traffic: () => {
        counter = new LinkCounter();
        return {
          counter,
          wire: { up: 0, down: 0 },
          keepAlive: new KeepAlive({ clock: new FakeClock(), bounds: linkProfileTable.default.keepAlive }),
        };
      },
    }),
    get counter() {
      return counter;
    },
    async carry(down: number, up = 0) {
      total.down += down;
      total.up += up;
      await writeCounters(setup.board, total);
    },
    async annotate(next: Record<string, string>) {
      setup.board.hub.further = { 'nodes/board': node(next) };
      await setup.board.hub.want([]);
      await setup.board.pass(1_000);
    },
    async figures() {
      const { hub } = setup.board;
      hub.came.length = 0;
      hub.tell('traffic', { question: 7 });
      await setup.board.pass(100);
      const [message] = hub.came.filter(({ kind }) => kind === 'traffic');
      const { answer, traffic } = parseTraffic(message?.value);
      expect(answer).toBe(7);
      return traffic;
    },
  };
  const total = { up: 0, down: 0 };
  const { files } = setup.board;
  await files.mkdir('/proc/net');
  await files.writeAtomic('/proc/net/route', routes);
  await setup.carry(5_000_000, 1_000_000);
  await setup.board.boot();
  await setup.annotate(annotations);
  return setup;
}

async function writeCounters({ files }: Board, { up, down }: { up: number; down: number }): Promise<void> {
  const line = (name: string, rx: number, tx: number): string => `${name}: ${rx} 0 0 0 0 0 0 0 ${tx} 0 0 0 0 0 0 0\n`;
  const text = `Inter-|   Receive  |  Transmit\n face |bytes packets|bytes\n${line('    lo', 99_000_000, 99_000_000)}${line(' wwan0', down, up)}${line('veth1', 7_000_000, 7_000_000)}`;
  await files.mkdir('/proc/net');
  await files.writeAtomic('/proc/net/dev', text);
}

const node = (annotations: Record<string, string>): KubeObject => ({
  metadata: { name: 'board', annotations },
  ...({ spec: { podCIDR: '10.213.7.0/26' } } as object),
});

const condition = ({ hub }: Board, type: string): string | undefined => {
  const all = (hub.node?.status['conditions'] ?? []) as { type: string; status: string; reason: string }[];
  const found = all.find((one) => one.type === type);
  return found && `${found.status} ${found.reason}`;
};

describe('what a board counts', () => {
  it('sorts the link by what it is for, and calls the rest the apps', async () => {
    const { carry, counter, figures } = await setUp();
    counter.message('up', 'report', 1_000);
    counter.message('down', 'manifest', 30_000);
    counter.ping('up', 2);
    await carry(1_031_800, 21_500);
    const { classes, profile: name, budgetBytes } = await figures();
    expect(name).toBe('default');
    expect(budgetBytes).toBeUndefined();
    // What is on the wire: TLS, TCP and IP along with it.
    expect(classes.heartbeat).toMatchObject({ up: 2 + 22 + 52, down: 52 });
    expect(classes.status).toMatchObject({ up: 1_000 + 5 + 22 + 52, down: 52 });
    expect(classes.sync?.down).toBeGreaterThan(30_000);
    const sum = (direction: 'up' | 'down'): number => Object.values(classes).reduce((total, one) => total + one[direction], 0);
    expect([sum('up'), sum('down')]).toEqual([21_500, 1_031_800]);
    expect(classes.apps?.down).toBeGreaterThan(990_000);
    expect(classes.images).toBeUndefined();
  });

  it('counts what comes while an image is pulled as the image', async () => {
    const { board, carry, figures } = await setUp();
    board.runtime.script('registry.example.com/new:1', { pullMs: 10_000 });
    const pod = makePod('puller', { containers: [makeContainer('main', {}, { image: 'registry.example.com/new:1' })] });
    await board.hub.want([pod]);
    await board.pass(2_000);
    await carry(40_000_000, 500_000);
    await board.pass(60_000);
    await carry(3_000);
    const { classes } = await figures();
    expect(classes.images).toMatchObject({ down: 40_000_000, up: 500_000 });
    expect(classes.apps?.down).toBe(3_000);
  });

  it('knows after a kill of the agent what passed meanwhile, and after a power cut all but the last megabyte', async () => {
    const { board, carry, figures } = await setUp();
    await carry(50_000_000);
    await board.pass(11 * minute);
    await carry(900_000);
    await board.pass(11 * minute);
    await board.kill('process');
    await carry(600_000);
    await board.boot();
    const sum = (traffic: BoardTraffic): number => Object.values(traffic.classes).reduce((total, { up, down }) => total + up + down, 0);
    expect(sum(await figures())).toBe(51_500_000);
    await board.kill('power');
    await writeCounters(board, { up: 0, down: 100_000 });
    await board.files.writeAtomic('/proc/net/route', routes);
    await board.boot();
    const after = sum(await figures());
    expect(after).toBeLessThanOrEqual(51_600_000);
    expect(after).toBeGreaterThanOrEqual(51_600_000 - 1_600_000);
  });

  it('counts what the agent writes to flash, and says when it is more than the budget', async () => {
    const { board, figures } = await setUp({ [flashBudget]: '100k' });
    const before = (await figures()).flash;
    await board.hub.want([makePod('web')]);
    await board.pass(1_000);
    const { flash } = await figures();
    expect(flash.budgetBytes).toBe(100_000);
    expect(flash.bytes).toBeGreaterThan(before.bytes);
    expect(flash.syncs).toBeGreaterThan(before.syncs);
    expect(condition(board, 'FlashBudgetExceeded')).toBeUndefined();
    for (let count = 0; count < 60; count++) {
      await board.hub.want([makePod(`web-${count}`, {}, { annotations: { text: 'x'.repeat(3_000) } })]);
      await board.pass(1_000);
    }
    await board.pass(10 * minute);
    expect(condition(board, 'FlashBudgetExceeded')).toBe('True BudgetUsedUp');
    expect(board.hub.events.filter(({ reason }) => reason === 'FlashBudgetExceeded')).toHaveLength(1);
    await board.pass(24 * 60 * minute);
    expect(condition(board, 'FlashBudgetExceeded')).toBe('False WithinBudget');
  });

  it('costs an idle board that pings no write and no message, for hours', async () => {
    const { board, counter } = await setUp();
    await board.pass(20 * minute);
    const { steps } = board.files;
    board.hub.came.length = 0;
    const { reports } = board.hub;
    for (let count = 0; count < 6 * 180; count++) {
      counter.ping('up', 2);
      counter.ping('down', 2);
      await board.clock.advance(20_000);
    }
    expect(board.files.steps).toBe(steps);
    expect(board.hub.came).toEqual([]);
    expect(board.hub.reports).toBe(reports);
  });

  it('lets figures ride along with reports, and not often', async () => {
    const { board } = await setUp();
    board.hub.came.length = 0;
    const traffic = (): number => board.hub.came.filter(({ kind }) => kind === 'traffic').length;
    await board.pass(20 * minute);
    expect(traffic()).toBe(0);
    for (let count = 0; count < 30; count++) {
      await board.hub.want([makePod(`web-${count}`)]);
      await board.pass(minute);
    }
    expect(traffic()).toBe(2);
  });
});

describe('a data budget', () => {
  const budget = { [profile]: 'metered', [dataBudget]: '10M', [dataBudgetDay]: '3' };

  it('holds back logs, figures, pulls and streams, in this order, and never what is wanted and reported', async () => {
    const { annotate, board, carry, figures } = await setUp(budget);
    const { hub } = board;
    const signal = new AbortController().signal;
    const pod = { namespace: 'default', name: 'web', uid: 'none' };
    const admits = async (): Promise<string[]> => {
      const stream = { kind: 'forward', pod, port: 80 } as const;
      const asks: Record<string, () => unknown> = {
        logs: () => hub.handlers.logs(pod, { container: 'main' }, signal),
        streams: () => hub.handlers.openStream?.(stream, signal),
      };
      const refused: string[] = [];
      for (const [what, ask] of Object.entries(asks)) {
        const words = await Promise.resolve().then(ask).then(String, String);
        if (words.includes('data budget of 10 MB')) refused.push(what);
      }
      return refused;
    };
    expect(await admits()).toEqual([]);
    expect(condition(board, 'DataBudgetExceeded')).toBe('False WithinBudget');
    const used = Object.values((await figures()).classes).reduce((sum, { monthUp, monthDown }) => sum + monthUp + monthDown, 0);
    await carry(8_100_000 - used);
    await board.pass(2 * minute);
    expect((await figures()).shed).toEqual(['logs']);
    expect(await admits()).toEqual(['logs']);
    expect(condition(board, 'DataBudgetExceeded')).toBe('False BudgetLow');
    await carry(1_000_000);
    await board.pass(2 * minute);
    expect((await figures()).shed).toEqual(['logs', 'metrics']);
    await carry(500_000);
    await board.pass(2 * minute);
    expect((await figures()).shed).toEqual(['logs', 'metrics', 'pulls']);
    expect(await admits()).toEqual(['logs']);
    await carry(500_000);
    await board.pass(2 * minute);
    expect((await figures()).shed).toEqual(['logs', 'metrics', 'pulls', 'streams']);
    expect(await admits()).toEqual(['logs', 'streams']);
    await board.pass(2 * minute);
    expect(condition(board, 'DataBudgetExceeded')).toBe('True BudgetUsedUp');
    expect(hub.events.map(({ reason }) => reason).filter((reason) => reason.startsWith('DataBudget'))).toEqual([
      'DataBudgetLow',
      'DataBudgetLow',
      'DataBudgetLow',
      'DataBudgetExceeded',
    ]);
    // What is on the board runs; what is not, is not pulled, and says why.
    hub.further = { 'nodes/board': node(budget) };
    const there = makePod('there');
    const missing = makePod('missing', { containers: [makeContainer('main', {}, { image: 'registry.example.com/other:1' })] });
    await hub.want([there, missing]);
    await board.pass(2 * minute);
    expect(hub.status('there').phase).toBe('Running');
    expect(JSON.stringify(hub.status('missing').containerStatuses)).toContain('pulls are refused until');
    expect(hub.said('missing').join('\n')).toContain('flotilla node traffic board --override');
    // The override ends by itself.
    const until = new Date(board.clock.wallMs() + 60 * minute).toISOString().replace(/\.\d+Z$/, 'Z');
    await annotate({ ...budget, [dataBudgetOverride]: until });
    expect(await admits()).toEqual([]);
    expect((await figures()).overrideUntilMs).toBe(Date.parse(until));
    await board.pass(2 * minute);
    expect(condition(board, 'DataBudgetExceeded')).toBe('False WithinBudget');
    await board.pass(60 * minute);
    expect(await admits()).toEqual(['logs', 'streams']);
    // So does the month.
    const { monthSinceMs } = await figures();
    expect(new Date(monthSinceMs).getUTCDate()).toBe(3);
    await hub.want([]);
    await board.pass(3 * 24 * 60 * minute);
    expect(await admits()).toEqual([]);
    const next = await figures();
    expect(next.monthSinceMs - monthSinceMs).toBeGreaterThanOrEqual(28 * 24 * 60 * minute);
    expect(next.classes.apps?.monthDown ?? 0).toBeLessThan(100_000);
    expect(next.classes.apps?.down).toBeGreaterThan(9_000_000);
  });

  it('is known without the hub, over restarts and power cuts', async () => {
    const { board, carry } = await setUp({ ...budget, [dataBudget]: '1M' });
    await carry(2_000_000);
    await board.pass(11 * minute);
    const refused = async (): Promise<string> => {
      const signal = new AbortController().signal;
      const stream = { kind: 'forward', pod: { namespace: 'default', name: 'web', uid: 'none' }, port: 80 } as const;
      return Promise.resolve(board.hub.handlers.openStream?.(stream, signal)).then(String, String);
    };
    expect(await refused()).toContain('streams are refused');
    board.hub.cutOff();
    for (const how of ['process', 'power'] as const) {
      await board.kill(how);
      await board.boot();
      expect(await refused(), how).toContain('streams are refused');
    }
  });

  it('keeps the logs of failed containers until they may be sent', async () => {
    const { annotate, board, carry } = await setUp(budget);
    await carry(9_000_000);
    await board.pass(2 * minute);
    const failing = makePod('crash', {
      containers: [makeContainer('main', { FAKE_EXIT_AFTER_MS: '1000', FAKE_EXIT_CODE: '1', FAKE_OUTPUT: 'last words\n' })],
    });
    board.hub.further = { 'nodes/board': node(budget) };
    await board.hub.want([failing]);
    await board.pass(5 * minute);
    const logs = (): number => board.hub.came.filter(({ kind }) => kind === 'log').length;
    expect(logs()).toBe(0);
    await annotate({ ...budget, [dataBudget]: 'none' });
    await board.pass(2 * minute);
    expect(logs()).toBeGreaterThan(0);
    expect(condition(board, 'DataBudgetExceeded')).toBe('False NoBudget');
  });

  it('turns no page by a clock that nobody vouches for', async () => {
    const { board, carry, figures } = await setUp({ ...budget, [dataBudget]: '1M' });
    await carry(2_000_000);
    await board.pass(11 * minute);
    const { monthSinceMs } = await figures();
    board.hub.cutOff();
    await board.kill('power');
    board.clock.jumpWall(80 * 365 * 24 * 60 * minute);
    await board.boot();
    const stream = { kind: 'forward', pod: { namespace: 'default', name: 'web', uid: 'none' }, port: 80 } as const;
    const words = await Promise.resolve(board.hub.handlers.openStream?.(stream, new AbortController().signal)).then(String, String);
    expect(words).toContain('streams are refused');
    board.hub.comeBack();
    await board.pass(minute);
    expect((await figures()).monthSinceMs).toBe(monthSinceMs);
  });
});
