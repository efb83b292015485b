import { readdirSync, readFileSync } from 'node:fs';
import type { Deployment, Node, PodList } from '@flotilla/shared/api/generated/types.js';
import { afterAll, expect, test } from 'vitest';
import type { Board } from '../harness/board.ts';
import { useStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

/** Two boards that will be lost, each in its own way, and one that takes over from both. */
let killed: Board;
let frozen: Board;
const stack = useStack({}, async (it) => {
  const args = ['--keep-alive', '4'];
  const [one, two, three] = await Promise.all(
    [
      ['to-be-killed', 'first=yes'],
      ['to-be-frozen', 'second=yes'],
      ['stays', 'first=yes,second=yes'],
    ].map(([name = '', labels = '']) => it.addBoard(name, { args: [...args, '--node-labels', labels] })),
  );
  if (!one || !two || !three) throw new Error('there are too few boards');
  [killed, frozen] = [one, two];
  await it.kubectl.ok(['cordon', 'stays']);
  for (const app of apps) await it.kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(exclusive(app)) });
  await it.kubectl.ok(['rollout', 'status', 'deployment/first', '--timeout=120s']);
  await it.kubectl.ok(['rollout', 'status', 'deployment/second', '--timeout=120s']);
});

/** What they run is found in the list of processes by the number they sleep. */
const apps = ['first', 'second'] as const;
const secondsOf = { first: `1${process.pid}1`, second: `1${process.pid}2` };

function exclusive(name: (typeof apps)[number]): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: {
          labels: { app: name },
          annotations: { 'fleet.flotilla.dev/when-offline': 'Stop', 'fleet.flotilla.dev/offline-after': '7s' },
        },
        spec: {
          nodeSelector: { [name]: 'yes' },
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'main', image: 'localhost/flotilla-demo:1', command: ['sleep', secondsOf[name]] }],
        },
      },
    },
  };
}

/** Processes of each, on all boards: what runs is counted, not what anybody says of it. */
function processes(): Record<(typeof apps)[number], number> {
  const counts = { first: 0, second: 0 };
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    let words: string[];
    try {
      words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    } catch {
      continue;
    }
    if (words[0] !== 'sleep') continue;
    for (const app of apps) if (words[1] === secondsOf[app]) counts[app]++;
  }
  return counts;
}

const most = { first: 0, second: 0 };
let looks = 0;
const count = (): void => {
  looks++;
  const now = processes();
  for (const app of apps) most[app] = Math.max(most[app], now[app]);
};
const counting = setInterval(count, 50);
afterAll(() => {
  clearInterval(counting);
  if (frozen?.agent?.running) process.kill(frozen.agent.pid, 'SIGCONT');
});

const nodesOf = async (app: string): Promise<string[]> =>
  ((await stack.get<PodList>('pods', '-l', `app=${app}`)).items ?? []).map(({ spec }) => spec?.nodeName ?? '');

test('a pod that stops with its lease is taken over when its agent was killed or frozen, and never runs twice', async () => {
  await until('both run', () => processes().first === 1 && processes().second === 1);
  expect([await nodesOf('first'), await nodesOf('second')]).toEqual([['to-be-killed'], ['to-be-frozen']]);
  await killed.stop('SIGKILL');
  process.kill(frozen.agent?.pid ?? 0, 'SIGSTOP');
  await stack.kubectl.ok(['uncordon', 'stays']);
  // Nobody but the guards is left to stop them.
  await until('both were stopped', () => processes().first === 0 || processes().second === 0);
  await until('both run elsewhere', async () => {
    if (processes().first !== 1 || processes().second !== 1) return false;
    return (await nodesOf('first')).join() === 'stays' && (await nodesOf('second')).join() === 'stays';
  });
  expect(looks).toBeGreaterThan(20);
  expect(most).toEqual({ first: 1, second: 1 });
});

test('back again, the boards find that it is no longer theirs', async () => {
  // However busy this machine is, they do not come back to where they were.
  await stack.kubectl.ok(['cordon', 'to-be-killed', 'to-be-frozen']);
  process.kill(frozen.agent?.pid ?? 0, 'SIGCONT');
  killed.start();
  const readiness = async (): Promise<unknown> =>
    (await stack.get<{ items: Node[] }>('nodes')).items.map(
      ({ status }) => status?.conditions?.find(({ type }) => type === 'Ready')?.status,
    );
  await until('all are ready', async () => String(await readiness()) === 'True,True,True');
  await until(
    'nothing is left of theirs',
    async () => (await killed.containers()).length === 0 && (await frozen.containers()).length === 0,
  );
  await until('one of each runs', () => processes().first === 1 && processes().second === 1);
  expect(most).toEqual({ first: 1, second: 1 });
});
