import { expect, it } from 'vitest';
import { parseSimulateConfig, simulateHelp } from './simulate-config.ts';

const hub = ['--hub', 'https://hub:6443'];

it('reads its own options and the agent’s', () => {
  const config = parseSimulateConfig([...hub, '--boards', '500', '--behaviour', 'cut=1%', '--keep-alive', '4', '--node-labels', 'a=b']);
  expect(config).toMatchObject({ boards: 500, first: 0, prefix: 'board', processes: 1, behaviours: { cut: 0.01 }, logLevel: 'warn' });
  expect(config).toMatchObject({ hubs: ['https://hub:6443'], keepAliveMs: 4_000, labels: { a: 'b' }, podStartMs: 0, podExitMs: undefined });
  // As a process that shares the boards out says it: the last one counts.
  expect(parseSimulateConfig([...hub, '--boards', '500', '--boards', '250', '--first', '250'])).toMatchObject({ boards: 250, first: 250 });
});

it.each([
  [['--boards', '0'], '--boards: "0" is not a number from 1 to 100000'],
  [['--boards', 'ten'], '--boards: "ten" is not a number'],
  [['--prefix', 'Board'], '--prefix: "Board" is not a name'],
  [['--behaviour', 'late=1%'], '--behaviour: "late=1%" is not NAME=PERCENT%'],
  [['--pod-exit', '0'], '--pod-exit: "0" is not a number'],
  [['--keep-alive', 'x'], '--keep-alive'],
  [['--data-dir', '/x'], "Unknown option '--data-dir'"],
])('refuses %j', (argv, message) => {
  expect(() => parseSimulateConfig([...hub, ...argv])).toThrow(message);
});

it('explains every option', () => {
  for (const flag of ['boards', 'first', 'prefix', 'processes', 'behaviour', 'pod-start', 'pod-exit', 'secret-file', 'keep-alive'])
    expect(simulateHelp()).toContain(`--${flag}`);
});
