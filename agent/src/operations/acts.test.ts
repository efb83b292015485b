import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { ExecError } from '@flotilla/shared/platform/exec.js';
import { FakeExec } from '@flotilla/shared/platform/fake-exec.js';
import { operationLimits, type WaitingOperation } from '@flotilla/shared/protocol/operation-messages.js';
import { describe, expect, it } from 'vitest';
import type { PodSnapshot } from '#pods/pod-doors.ts';
import { newPodMemory } from '#pods/pod-memory.ts';
import { collectDiagnostics } from './collect-diagnostics.ts';
import { LinkHistory } from './link-history.ts';
import { reboot } from './reboot.ts';
import { RecentLog } from './recent-log.ts';

const operation: WaitingOperation = { uid: 'u', name: 'op', action: 'Reboot', createdWallMs: 0, begun: false };

describe('a reboot', () => {
  async function ordered(programs: ConstructorParameters<typeof FakeExec>[0], command?: readonly string[]) {
    const clock = new FakeClock();
    const exec = new FakeExec(programs);
    const stop = new AbortController();
    const done = reboot({ exec, clock, command })(operation, stop.signal);
    return { clock, exec, stop, done, ran: () => exec.calls.map(({ command: program, args }) => [program, ...args].join(' ')) };
  }

  it('is ordered with what the system has, the next when one refuses', async () => {
    const refusing = { systemctl: () => ({ code: 1, stderr: 'no systemd here\n' }), '/sbin/reboot': () => ({}) };
    const { ran, stop, done, clock } = await ordered(refusing);
    await clock.advance(0);
    expect(ran()).toEqual(['systemctl reboot', '/sbin/reboot']);
    // The agent is stopped as the system goes down: the next one finds out.
    stop.abort();
    expect(await done).toBeUndefined();
  });

  it('that no program takes is Failed, with their words', async () => {
    const { done } = await ordered({ systemctl: () => ({ code: 1, stderr: 'not today\n' }) });
    expect(await done).toEqual({
      phase: 'Failed',
      message: 'The board could not be told to boot: systemctl ended with status 1: not today; /sbin/reboot: no such program',
    });
  });

  it('with a command of the board asks no other', async () => {
    const { done, ran } = await ordered({ boot: () => ({ code: 3 }), systemctl: () => ({}) }, ['boot', 'now']);
    expect([await done, ran()]).toEqual([
      { phase: 'Failed', message: 'The board could not be told to boot: boot ended with status 3' },
      ['boot now'],
    ]);
  });

  it('that was taken and does not come is Unknown after ten minutes, and so is one whose command does not end', async () => {
    const hanging = (): never => {
      throw new ExecError('timeout', 'systemctl: no end after 60 s');
    };
    for (const systemctl of [() => ({}), hanging]) {
      const { done, clock } = await ordered({ systemctl });
      await clock.advance(600_000);
      expect(await done).toMatchObject({ phase: 'Unknown' });
    }
  });
});

describe('diagnostics', () => {
  it('fit, however much there is to tell, and tell what could not be found out', async () => {
    const clock = new FakeClock();
    const log = new RecentLog();
    const logger = log.over(silentLogger, () => clock.wallMs()).with({ part: 'test' });
    for (let line = 0; line < 1000; line++) logger.warn(`line ${line}`, { filler: 'x'.repeat(1000) });
    const snapshot = (index: number): PodSnapshot => ({
      uid: `uid-${index}`,
      pod: undefined,
      record: {
        namespace: 'default',
        name: `${'p'.repeat(200)}-${index}`,
        uid: `uid-${index}`,
        startWallMs: 0,
        graceSeconds: 30,
        containers: {},
      },
      memory: newPodMemory(0),
      sandboxes: [],
      removing: false,
    });
    const collect = (pods: number, board: number) =>
      collectDiagnostics({
        clock,
        files: {
          readText: async () => undefined,
          space: () => Promise.reject(new Error('no disk')),
        },
        dataDir: '/data',
        agentVersion: 'v1',
        nodeName: 'pi',
        runtime: { name: 'none', version: async () => '', images: () => Promise.reject(new Error('it is down')) },
        pods: { snapshots: () => Array.from({ length: pods }, (_, index) => snapshot(index)) },
        nodeStatus: () => ({ filler: 'y'.repeat(board) }),
        phaseOf: () => 'Running',
        generation: () => undefined,
        link: new LinkHistory(clock),
        log,
      })(operation, new AbortController().signal);
    for (const [pods, board] of [
      [0, 0],
      [256, 0],
      [256, 150_000],
      [0, 300_000],
    ] as const) {
      const report = await collect(pods, board);
      expect(report).toMatchObject({ phase: 'Succeeded' });
      const text = report?.diagnostics ?? '';
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(operationLimits.diagnosticsBytes);
      const read = JSON.parse(text) as { log: string[]; machine: object; runtime: object };
      expect(read.runtime).toEqual({ name: 'none', error: 'it is down' });
      expect(read.machine).toMatchObject({ disk: { error: 'no disk' } });
    }
  });

  it('have the newest of the log, within bounds', () => {
    const log = new RecentLog();
    const seen: string[] = [];
    const own = { ...silentLogger, with: () => own, info: (message: string) => seen.push(message) };
    const logger = log.over(own, () => 0);
    for (let line = 0; line < 500; line++) logger.info(`line ${line}`);
    logger.debug('too fine');
    expect(seen).toHaveLength(500);
    expect(log.lines).toHaveLength(400);
    expect(log.lines.at(-1)).toContain('line 499');
    for (let line = 0; line < 100; line++) logger.error('long', { filler: 'x'.repeat(5000) });
    expect(log.lines.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(96 * 1024);
    expect(log.lines.length).toBeGreaterThan(40);
  });

  it('have the last sessions with the hub', async () => {
    const clock = new FakeClock();
    const history = new LinkHistory(clock);
    for (let session = 1; session <= 40; session++) {
      history.begin({ session } as Parameters<LinkHistory['begin']>[0]);
      await clock.advance(2000);
      history.end();
    }
    expect(history.sessions).toHaveLength(32);
    expect(history.sessions.at(-1)).toMatchObject({ session: 40, lastedSeconds: 2 });
  });
});
