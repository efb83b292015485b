import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import {
  type OperationNote,
  type OperationReport,
  parseOperationNote,
  type WaitingOperation,
} from '@flotilla/shared/protocol/operation-messages.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BoardOperations } from './board-operations.ts';
import { OperationJournal } from './operation-journal.ts';

const reboot: WaitingOperation = { uid: 'u1', name: 'op', action: 'Reboot', createdWallMs: 1000, begun: false };
const restart: WaitingOperation = { ...reboot, action: 'RestartPod' };
const collect: WaitingOperation = { ...reboot, uid: 'u2', name: 'op2', action: 'CollectDiagnostics' };

/** The hub as the protocol has it: state that outlives sessions, answers that a test may withhold. */
class Hub {
  operations: WaitingOperation[] = [];
  readonly granted = new Set<string>();
  readonly reports = new Map<string, OperationReport>();
  /** What it does not answer, or even hear. */
  deaf: (note: OperationNote) => boolean = () => false;
  notes: OperationNote[] = [];
  #number = 0;
  sessions = 0;

  hear(note: OperationNote): object | undefined {
    this.notes.push(note);
    if (this.deaf(note) || note.op === 'listed') return undefined;
    const head = { session: note.session, number: note.number };
    if (note.op === 'claim') {
      const known = this.operations.find(({ uid }) => uid === note.uid);
      const granted = known !== undefined && !known.begun;
      if (granted) this.granted.add(note.uid);
      return { ...head, op: 'answer', granted, message: granted ? '' : 'it was withdrawn' };
    }
    if (note.report.phase === 'Running')
      this.operations = this.operations.map((one) => (one.uid === note.uid ? { ...one, begun: true } : one));
    else {
      this.operations = this.operations.filter(({ uid }) => uid !== note.uid);
      if (!this.reports.has(note.uid)) this.reports.set(note.uid, note.report);
    }
    return { ...head, op: 'ack' };
  }

  list(): object {
    return { session: this.sessions, op: 'list', number: ++this.#number, operations: this.operations };
  }
}

let clock: FakeClock;
let files: FakeFiles;
let hub: Hub;
let acts: string[];
/** What an act comes to; undefined lets it go on for ever. */
let outcome: () => Promise<OperationReport | undefined>;

beforeEach(async () => {
  clock = new FakeClock();
  files = new FakeFiles();
  await files.mkdir('/data');
  hub = new Hub();
  acts = [];
  outcome = async () => ({ phase: 'Succeeded', message: 'done' });
});

interface Run {
  readonly board: BoardOperations;
  /** A session begins; nothing said in it is lost unless `hub.deaf`. */
  connect(): void;
  tell(order: object): void;
  stop(): void;
}

let run: Run | undefined;
afterEach(() => run?.stop());

async function boot(bootId: string, denied: readonly 'Reboot'[] = []): Promise<Run> {
  const act = (name: string) => async (operation: WaitingOperation, signal: AbortSignal) => {
    acts.push(`${name} ${operation.uid}`);
    const given = new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined)));
    return Promise.race([outcome(), given]);
  };
  const board = new BoardOperations({
    journal: new OperationJournal(files, '/data/operations'),
    acts: { Reboot: act('Reboot'), RestartPod: act('RestartPod'), CollectDiagnostics: act('CollectDiagnostics') },
    denied,
    clock,
    logger: silentLogger,
  });
  const channelOf = (session: number) => ({
    session,
    bootId,
    open: (_purpose: string, value: unknown) => value,
    send: async (_kind: string, value: unknown) => {
      const answer = hub.hear(parseOperationNote(JSON.parse(JSON.stringify(value))));
      if (answer) queueMicrotask(() => run?.board === board && board.receive('operation', answer, channelOf(session)));
    },
  });
  run = {
    board,
    connect() {
      hub.sessions++;
      board.begin(channelOf(hub.sessions));
      board.receive('operation', hub.list(), channelOf(hub.sessions));
    },
    tell: (order) => board.receive('operation', order, channelOf(hub.sessions)),
    stop: () => board.stop(),
  };
  await board.start(bootId);
  return run;
}

const settle = async (ms = 0): Promise<void> => {
  await clock.advance(ms);
  for (let turn = 0; turn < 20; turn++) await clock.advance(0);
};
const claims = () => hub.notes.filter(({ op }) => op === 'claim').length;

describe('an operation', () => {
  it('is asked for, begun, done and told, in this order, once', async () => {
    hub.operations = [reboot];
    (await boot('boot-1')).connect();
    await settle();
    expect(acts).toEqual(['Reboot u1']);
    expect(hub.notes.map((note) => (note.op === 'report' ? note.report.phase : note.op))).toEqual([
      'listed',
      'claim',
      'Running',
      'Succeeded',
    ]);
    run?.tell(hub.list());
    await settle(60_000);
    expect(acts).toHaveLength(1);
  });

  it('is not begun without the hub, nor from what an earlier session said', async () => {
    hub.operations = [reboot];
    hub.deaf = ({ op }) => op === 'claim';
    const { board, connect } = await boot('boot-1');
    connect();
    await settle(100_000);
    expect(claims()).toBeGreaterThan(2);
    board.end();
    await settle(100_000);
    // The answers of the first session come when it is over, and into the second one.
    for (const session of [1, 2]) {
      for (let number = 1; number < 10; number++) run?.tell({ session, op: 'answer', number, granted: true, message: '' });
    }
    await settle();
    expect(acts).toEqual([]);
  });

  it('is begun on the answer to the newest claim only', async () => {
    hub.operations = [reboot];
    hub.deaf = ({ op }) => op === 'claim';
    (await boot('boot-1')).connect();
    await settle(31_000);
    expect(claims()).toBe(2);
    run?.tell({ session: 1, op: 'answer', number: 1, granted: true, message: '' });
    await settle();
    expect(acts).toEqual([]);
    run?.tell({ session: 1, op: 'answer', number: 2, granted: true, message: '' });
    run?.tell({ session: 1, op: 'answer', number: 2, granted: true, message: '' });
    await settle();
    expect(acts).toEqual(['Reboot u1']);
  });

  it('that the hub refuses, or no longer lists, is left alone', async () => {
    hub.operations = [reboot];
    hub.deaf = ({ op }) => op === 'claim';
    (await boot('boot-1')).connect();
    await settle();
    run?.tell({ session: 1, op: 'answer', number: 1, granted: false, message: 'its time to live is over' });
    await settle(100_000);
    expect(claims()).toBe(1);
    expect(acts).toEqual([]);
    expect(hub.reports.size).toBe(0);
  });

  it('is told until that is acknowledged, over sessions', async () => {
    hub.operations = [reboot];
    hub.deaf = ({ op }) => op === 'report';
    const { board, connect } = await boot('boot-1');
    connect();
    await settle(60_000);
    const told = () => hub.notes.filter((note) => note.op === 'report' && note.report.phase === 'Succeeded').length;
    expect(told()).toBeGreaterThan(2);
    board.end();
    await settle();
    hub.deaf = () => false;
    connect();
    await settle();
    expect(hub.reports.get('u1')).toMatchObject({ phase: 'Succeeded' });
    const before = told();
    await settle(100_000);
    expect(told()).toBe(before);
    expect(acts).toHaveLength(1);
  });

  it('is done one after another', async () => {
    const ends: (() => void)[] = [];
    outcome = () => new Promise((resolve) => ends.push(() => resolve({ phase: 'Succeeded', message: '' })));
    hub.operations = [reboot, collect];
    (await boot('boot-1')).connect();
    await settle(10_000);
    expect(acts).toEqual(['Reboot u1']);
    ends[0]?.();
    await settle(10_000);
    expect(acts).toEqual(['Reboot u1', 'CollectDiagnostics u2']);
  });

  it('that the board does not allow or know is told as Failed, and not asked for', async () => {
    hub.operations = [reboot, { ...reboot, uid: 'u3', action: 'Explode' }];
    (await boot('boot-1', ['Reboot'])).connect();
    await settle();
    expect(hub.reports.get('u1')?.message).toBe('The settings of this board do not allow the action Reboot (--deny-operations).');
    expect(hub.reports.get('u3')?.message).toBe('The agent of this board does not know the action Explode.');
    expect([claims(), acts]).toEqual([0, []]);
  });

  it('is not begun when the journal cannot be written', async () => {
    hub.operations = [reboot];
    (await boot('boot-1')).connect();
    files.capacityBytes = files.usedBytes;
    await settle();
    expect(acts).toEqual([]);
    expect(hub.reports.get('u1')).toMatchObject({ phase: 'Failed', message: expect.stringMatching(/^The journal could not be written: /) });
  });

  it('whose act throws is Unknown', async () => {
    outcome = () => Promise.reject(new Error('what a day'));
    hub.operations = [reboot];
    (await boot('boot-1')).connect();
    await settle();
    expect(hub.reports.get('u1')).toEqual({
      phase: 'Unknown',
      message: 'It broke off, and nothing tells how far it came: what a day',
    });
  });
});

describe('what a journal remembers', () => {
  it('a hub that was restored hears what was done, and it is not done again', async () => {
    hub.operations = [reboot];
    (await boot('boot-1')).connect();
    await settle();
    run?.stop();
    hub.operations = [reboot];
    hub.reports.clear();
    (await boot('boot-2')).connect();
    await settle();
    expect(acts).toHaveLength(1);
    expect(hub.reports.get('u1')).toMatchObject({ phase: 'Succeeded' });
  });

  it('what the hub says was begun, and the board knows nothing of, is Unknown', async () => {
    hub.operations = [{ ...reboot, begun: true }];
    (await boot('boot-1')).connect();
    await settle();
    expect(acts).toEqual([]);
    expect(hub.reports.get('u1')?.phase).toBe('Unknown');
  });

  it('holds 256 that are done; what is older than one it forgot is not begun', async () => {
    const many = Array.from({ length: 257 }, (_, index) => ({ ...restart, uid: `n${index}`, createdWallMs: 1000 + index }));
    const { connect } = await boot('boot-1');
    for (let at = 0; at < many.length; at += 64) {
      hub.operations = many.slice(at, at + 64);
      connect();
      await settle();
    }
    expect(acts).toHaveLength(257);
    // A hub that was restored to a day before.
    for (const [operation, phase] of [
      [many[0], 'Unknown'],
      [many[1], 'Succeeded'],
      [{ ...restart, uid: 'older', createdWallMs: 1000 }, 'Unknown'],
      [{ ...restart, uid: 'newer', createdWallMs: 1257 }, 'Succeeded'],
    ] as const) {
      hub.reports.clear();
      hub.operations = operation ? [operation] : [];
      connect();
      await settle();
      expect([...hub.reports.values()].map((report) => report.phase)).toEqual([phase]);
    }
    expect(acts).toHaveLength(258);
  });

  it.each(['/data/operations/journal.0', '/data/operations/journal.1'])(
    'a damaged %s begins nothing that was there before',
    async (file) => {
      hub.operations = [reboot];
      outcome = () => new Promise(() => {});
      (await boot('boot-1')).connect();
      await settle(10_000);
      run?.stop();
      const there = (await files.readText(file)) !== undefined;
      if (there) files.corrupt(file);
      hub.operations = [{ ...reboot, begun: false }];
      (await boot('boot-1')).connect();
      await settle();
      expect(acts).toHaveLength(1);
      expect(hub.reports.get('u1')?.phase).toBe('Unknown');
      hub.operations = [{ ...collect, createdWallMs: 5000 }];
      outcome = async () => ({ phase: 'Succeeded', message: '' });
      run?.tell(hub.list());
      await settle();
      expect(acts).toEqual(['Reboot u1', 'CollectDiagnostics u2']);
    },
  );
});

describe('the power fails at any write', () => {
  /** The agent dies with the write; the next one finds what had reached the disk. */
  async function ordeal(
    operation: WaitingOperation,
    cutAt: number,
    how: 'power' | 'process',
  ): Promise<{ acts: number; phase: string; cut: boolean }> {
    clock = new FakeClock();
    files = new FakeFiles();
    await files.mkdir('/data');
    hub = new Hub();
    acts = [];
    hub.operations = [operation];
    (await boot('boot-1')).connect();
    const first = run;
    const die = (): void => {
      hub.deaf = () => true;
      first?.board.end();
      first?.stop();
    };
    files.onCut = die;
    files.cutAfter(cutAt);
    await settle(5000);
    const cut = files.off;
    die();
    await settle();
    hub.deaf = () => false;
    files.onCut = () => {};
    files.restore({ keepUnsynced: how === 'process' });
    (await boot(how === 'power' ? 'boot-2' : 'boot-1')).connect();
    await settle(60_000);
    run?.tell(hub.list());
    await settle(60_000);
    run?.stop();
    return { acts: acts.length, phase: hub.reports.get(operation.uid)?.phase ?? 'none', cut };
  }

  it.each([
    ['Reboot', 'power'],
    ['Reboot', 'process'],
    ['CollectDiagnostics', 'power'],
    ['CollectDiagnostics', 'process'],
  ] as const)('%s, %s: never twice, and the end is true or Unknown', async (action, how) => {
    const operation = { ...(action === 'Reboot' ? reboot : collect) };
    outcome = async () => ({ phase: 'Succeeded', message: '', ...(action === 'Reboot' ? {} : { diagnostics: 'x'.repeat(2000) }) });
    const seen = new Set<string>();
    let steps = 0;
    for (let cutAt = 0; ; cutAt++) {
      const { acts: done, phase, cut } = await ordeal(operation, cutAt, how);
      const at = `cut at write ${cutAt}`;
      expect(done, at).toBeLessThanOrEqual(1);
      // Not done is never told as done; and there always is an end.
      if (done === 0) expect(['Failed', 'Unknown', ...(action === 'Reboot' && how === 'power' ? ['Succeeded'] : [])], at).toContain(phase);
      else expect(['Succeeded', 'Unknown'], at).toContain(phase);
      seen.add(`${done} ${phase}`);
      if (!cut) break;
      steps++;
    }
    expect(steps).toBeGreaterThanOrEqual(8);
    expect([...seen]).toContain('1 Succeeded');
    if (how === 'process' || action !== 'Reboot') expect([...seen]).toContain('1 Unknown');
  });
});
