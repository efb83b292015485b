import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { demoImage } from '@flotilla/agent/cmd/demo-image.js';
import type { ContainerStatus, EventList, Pod } from '@flotilla/shared/api/generated/types.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Board } from '../harness/board.ts';
import { OrdinaryUser } from '../harness/ordinary-user.ts';
import { podsSeenFrom } from '../harness/pods-seen-from.ts';
import { Program } from '../harness/program.ts';
import { flotilla, useStack } from '../harness/stack.ts';
import { inTerminal, untilSized } from '../harness/terminal.ts';
import { until } from '../harness/until.ts';

const image = 'localhost/flotilla-demo:1';
let board: Board;
const stack = useStack({}, async (it) => {
  board = await it.addBoard('board-1', { args: ['--keep-alive', '4', '--allow-shell'] });
  await it.kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(box) });
  await it.waitFor('condition=Ready', 'pod/box');
});

const box: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'box', namespace: 'default' },
  spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image, command: ['sh', '-c', 'exec sleep 4321'] }] },
};

const debug = (target: string, ...args: string[]): string[] => [
  ...['debug', target, `--image=${image}`, '--image-pull-policy=IfNotPresent', '--profile=general', ...args],
];
const podOf = (name = 'box'): Promise<Pod> => stack.get<Pod>('pod', name);
const statusOf = async (name: string): Promise<ContainerStatus | undefined> =>
  (await podOf()).status?.ephemeralContainerStatuses?.find((one) => one.name === name);

const logsOf = async (...args: string[]): Promise<string> => (await stack.kubectl.run(['logs', ...args])).stdout;

describe('an ephemeral container', () => {
  test('Ephemeral Container Creation: it runs, sees its target, and speaks to who is attached', async () => {
    const script = 'read go; ps; echo "$go from $(hostname)"; exit 5';
    const look = new Program(
      'kubectl',
      stack.kubectl.start(debug('box', '-i', '-q', '--target=main', '-c', 'look', '--', 'sh', '-c', script)),
    );
    await until('it runs', async () => (await statusOf('look'))?.state?.running !== undefined);
    // What is typed before somebody is attached waits in kubectl.
    look.type('hello\n');
    await look.says(/^hello from box$/m);
    expect(look.stdout).toMatch(/^ *1 .*sleep 4321$/m);
    await look.ended;
    await until('it has ended', async () => (await statusOf('look'))?.state?.terminated !== undefined);
    expect(await statusOf('look')).toMatchObject({
      ready: false,
      restartCount: 0,
      state: { terminated: { exitCode: 5, reason: 'Error' } },
    });
    expect(await stack.kubectl.ok(['logs', 'box', '-c', 'look'])).toContain('hello from box');
  });

  test('Ephemeral Containers, update: another one beside it, and nothing about the pod changes', async () => {
    const before = await podOf();
    await stack.kubectl.ok(debug('box', '-q', '-c', 'stays', '--', 'sh', '-c', 'echo begun; exec cat'));
    await until('it has run', async () => (await statusOf('stays'))?.state?.terminated !== undefined);
    await stack.kubectl.ok(
      debug('box', '-q', '-i', '--attach=false', '-c', 'listens', '--', 'sh', '-c', 'while read x; do echo got $x; done'),
    );
    await until('it runs', async () => (await statusOf('listens'))?.state?.running !== undefined);
    const { spec, status } = await podOf();
    expect(spec?.ephemeralContainers?.map(({ name }) => name)).toEqual(['look', 'stays', 'listens']);
    expect(status?.conditions).toEqual(before.status?.conditions);
    expect([status?.phase, status?.containerStatuses]).toEqual(['Running', before.status?.containerStatuses]);
    expect(await stack.kubectl.ok(['get', 'pod', 'box', '--no-headers'])).toMatch(/^box +1\/1 +Running +0 /);
  });

  test('it outlives an agent that is killed, can be attached to again, and is never started twice', async () => {
    const before = await statusOf('listens');
    await board.stop('SIGKILL');
    board.start();
    await until('the new agent has said what runs', async () => {
      const attach = new Program('kubectl', stack.kubectl.start(['attach', '-q', '-i', 'box', '-c', 'listens']));
      attach.type('again\n');
      const heard = await Promise.race([attach.says(/^got again$/m).then(() => true), attach.ended.then(() => false)]);
      await attach.end('SIGKILL');
      return heard;
    });
    expect(await statusOf('listens')).toEqual(before);
    expect((await statusOf('look'))?.state?.terminated?.exitCode).toBe(5);
    const names = (await board.containers()).map(({ name }) => name).sort();
    expect(names).toEqual(['listens', 'look', 'main', 'stays']);
  });
});

test('debug makes a copy of a pod, and a pod on a board', async () => {
  await stack.kubectl.ok(debug('box', '-q', '--copy-to=copy', '--share-processes', '-c', 'look', '--', 'sh', '-c', 'ps; exec sleep 4322'));
  // With the processes, the network and the files of the board.
  const sees = `ls -d /host/etc /proc/${board.agent?.pid}`;
  const said = await stack.kubectl.ok(debug('node/board-1', '--', 'sh', '-c', sees));
  const [pod = ''] = /node-debugger-board-1-\w+/.exec(said) ?? [];
  await until('the copy’s debugger has looked', async () => (await logsOf('copy', '-c', 'look')).includes('sleep 4321'));
  await until('the board’s debugger has looked', async () => (await logsOf(pod)) === `/host/etc\n/proc/${board.agent?.pid}\n`);
  await stack.kubectl.ok(['delete', 'pod', 'copy', 'box', pod, '--now']);
  expect(await board.containers()).toEqual([]);
});

describe('a board whose agent is an ordinary user', () => {
  let user: OrdinaryUser | undefined;
  beforeAll(async () => {
    user = await OrdinaryUser.make();
    const plain = await stack.makeBoard('board-3', { images: false, place: user, args: ['--keep-alive', '4'] });
    await user.own(plain.place.dir);
    await demoImage({ exec: user.podman, tag: '1', podmanFlags: plain.place.flags, env: plain.place.env });
    plain.start();
    await stack.nodeReady('board-3');
    await stack.kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(pod) });
    await stack.waitFor('condition=Ready', 'pod/plain');
  });
  afterAll(() => user?.close());

  const serve = 'mkdir -p /www; echo hello > /www/index.html; httpd -p 127.0.0.1:8080 -h /www; exec sleep 4325';
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'plain', namespace: 'default' },
    spec: {
      nodeName: 'board-3',
      terminationGracePeriodSeconds: 0,
      containers: [
        { name: 'main', image, command: ['sh', '-c', serve] },
        { name: 'other', image, stdin: true, securityContext: { runAsUser: 1234 }, command: ['cat'] },
      ],
    },
  };
  const inside = (container: string, script: string): string[] => ['exec', '-i', 'plain', '-c', container, '--', 'sh', '-c', script];

  test('runs programs with input, exit codes and terminals, and ends them with their clients', async () => {
    const said = await stack.kubectl.run(inside('other', 'tr a-z A-Z; id -u >&2; exit 7'), { input: 'up' });
    expect(said).toEqual({ code: 7, stdout: 'UP', stderr: '1234\ncommand terminated with exit code 7\n' });
    const script = `${untilSized}; read line; echo "got $line"; exit 3`;
    const { shown, status } = await inTerminal({ kubeconfig: stack.kubeconfig, pod: 'plain', container: 'main', script, types: 'this\n' });
    expect(status).toMatchObject({ status: 'Failure', details: { causes: [{ message: '3' }] } });
    expect(shown).toContain('got this\r\n');
    const long = new Program('kubectl', stack.kubectl.start(inside('other', '(sleep 4326 &); echo up; sleep 4327')));
    await long.says(/^up$/m);
    await long.end('SIGKILL');
    await until('nothing is left of it', async () => !/sleep 432[67]/.test(await stack.kubectl.ok(inside('other', 'ps'))));
  });

  test('attaches, copies, forwards a port of the pod’s own localhost, and debugs', async () => {
    const attach = new Program('kubectl', stack.kubectl.start(['attach', '-q', '-i', 'plain', '-c', 'other']));
    attach.type('heard\n');
    await attach.says(/^heard$/m);
    await attach.end('SIGKILL');
    const back = join(stack.dir, 'page');
    await stack.kubectl.ok(['cp', 'plain:/www/index.html', back, '-c', 'main']);
    expect(readFileSync(back, 'utf8')).toBe('hello\n');
    const forward = new Program('kubectl', stack.kubectl.start(['port-forward', 'plain', ':8080']));
    const [, local] = await forward.says(/^Forwarding from 127.0.0.1:(\d+) -> 8080$/m);
    expect(await (await fetch(`http://127.0.0.1:${local}/`)).text()).toBe('hello\n');
    await forward.end('SIGTERM');
    await stack.kubectl.ok(debug('plain', '-q', '--target=main', '-c', 'look', '--', 'ps'));
    await until('the debugger has looked', async () => /^ *1 .*sleep 4325$/m.test(await logsOf('plain', '-c', 'look')));
  });

  test('lets its pods call the API, also on the network that podman makes when all pods were gone', async () => {
    const commandOf = (pid: string): string => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      } catch {
        return '';
      }
    };
    const seen = (): Promise<string> => {
      const pid =
        readdirSync('/proc')
          .filter((name) => /^\d+$/.test(name) && commandOf(name) === 'sleep 4325')
          .at(-1) ?? '';
      return podsSeenFrom(pid, (...command) => stack.kubectl.ok(['exec', 'plain', '-c', 'main', '--', ...command]));
    };
    const refused = 'system:serviceaccount:default:default\\" cannot list resource \\"pods\\"';
    expect(await seen()).toContain(refused);
    await stack.kubectl.ok(['delete', 'pod', 'plain']);
    await stack.kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(pod) });
    await stack.waitFor('condition=Ready', 'pod/plain');
    expect(await seen()).toContain(refused);
  });
});

describe('flotilla shell', () => {
  const shell = (node: string): Program =>
    new Program(
      'flotilla shell',
      spawn(process.execPath, ['--disable-warning=ExperimentalWarning', flotilla, 'shell', node], {
        env: { ...stack.env, KUBECONFIG: stack.kubeconfig },
        stdio: 'pipe',
      }),
    );
  const events = async (): Promise<string[]> =>
    (await stack.get<EventList>('events', '--field-selector=involvedObject.kind=Node')).items.map(
      ({ reason, message }) => `${reason}: ${message}`,
    );

  test('is a shell of the board, with an exit code, and is written down', async () => {
    const opened = shell('board-1');
    opened.input('cat /proc/$PPID/comm; echo wrong >&2; exit 3\n');
    expect(await opened.ended).toBe(3);
    expect(opened.stdout).not.toBe('');
    expect(opened.stderr).toBe('wrong\n');
    await until('who and how long is known', async () =>
      (await events()).some((line) => /^ShellClosed: .* ended after \d+ s with exit code 3$/.test(line)),
    );
    expect(await events()).toContainEqual(expect.stringMatching(/^ShellOpened: User "kubernetes-admin" opened a shell from 127\.0\.0\.1$/));
    // Never what was typed.
    expect((await events()).join('\n')).not.toContain('PPID');
  });

  test('ends with its operator, and is refused without the right, or where there is no board', async () => {
    const opened = shell('board-1');
    opened.type('echo up $$; sleep 4323\n');
    const [, pid] = await opened.says(/^up (\d+)$/m);
    await opened.end('SIGKILL');
    await until('the shell is gone', () => !isAlive(Number(pid)));
    await until('that is known', async () => (await events()).some((line) => line.endsWith('when its operator went away')));
    const nobody = shell('board-2');
    expect([await nobody.ended, nobody.stderr]).toEqual([1, 'flotilla: nodes "board-2" not found\n']);
  });

  test('is refused by a board that was not told to allow it', async () => {
    const other = await stack.addBoard('board-2', { images: false, args: ['--runtime', 'fake'] });
    const refused = shell('board-2');
    expect([await refused.ended, refused.stderr]).toEqual([
      1,
      'flotilla: this board allows no shell: its agent was started without --allow-shell\n',
    ]);
    await until('it is written down', async () =>
      (await events()).some((line) => line.startsWith('ShellRefused: User "kubernetes-admin" was refused')),
    );
    await other.stop();
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
