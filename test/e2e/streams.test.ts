import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { Exec, KubeConfig, type V1Status } from '@kubernetes/client-node';
import { afterAll, describe, expect, test } from 'vitest';
import type { Board } from '../harness/board.ts';
import { findKubectls, Kubectl } from '../harness/kubectl.ts';
import { Program } from '../harness/program.ts';
import { useStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const dir = mkdtempSync(join(tmpdir(), 'flotilla-streams-'));
const image = 'localhost/flotilla-demo:1';
let board: Board;
const stack = useStack({}, async (it) => {
  board = await it.addBoard('board-1', { args: ['--keep-alive', '4'] });
  await it.kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(box) });
  await it.waitFor('condition=Ready', 'pod/box');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const box: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'box', namespace: 'default', labels: { app: 'box' } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'web',
        image,
        command: ['sh', '-c', 'mkdir -p /www; echo hello > /www/index.html; echo web speaks; exec httpd -f -p 8080 -h /www'],
        ports: [{ containerPort: 8080 }],
      },
      { name: 'talk', image, stdin: true, command: ['sh', '-c', 'for n in 1 2 3; do echo line $n; done; exec cat'] },
    ],
  },
};

describe.each(Object.entries(findKubectls()))('the %s kubectl', (age, command) => {
  let own: Kubectl | undefined;
  const kubectl = (): Kubectl => (own ??= new Kubectl(command, stack.kubeconfig));
  afterAll(() => own?.close());

  test('runs programs in a container, with input, errors and exit codes', async () => {
    const said = await kubectl().run(['exec', 'box', '-c', 'web', '--', 'sh', '-c', 'echo out; echo wrong >&2; exit 7']);
    expect(said).toEqual({ code: 7, stdout: 'out\n', stderr: 'wrong\ncommand terminated with exit code 7\n' });
    const upper = await kubectl().ok(['exec', '-i', 'box', '-c', 'web', '--', 'tr', 'a-z', 'A-Z'], { input: 'to its end' });
    expect(upper).toBe('TO ITS END');
    expect(await kubectl().fails(['exec', 'box', '-c', 'web', '--', 'no-such-program'])).not.toBe('');
  });

  test('copies there and back', async () => {
    const [from, back] = [join(dir, `from-${age}`), join(dir, `back-${age}`)];
    mkdirSync(from);
    writeFileSync(join(from, 'big'), Buffer.alloc(4_000_000, `${age} `));
    writeFileSync(join(from, 'run'), '#!/bin/sh\n', { mode: 0o755 });
    await kubectl().ok(['cp', from, 'box:/tmp', '-c', 'web']);
    await kubectl().ok(['cp', `box:/tmp/from-${age}`, back, '-c', 'web']);
    expect(readFileSync(join(back, 'big')).equals(readFileSync(join(from, 'big')))).toBe(true);
    // On the way back kubectl itself gives files the usual mode.
    expect(await kubectl().ok(['exec', 'box', '-c', 'web', '--', 'stat', '-c', '%a', `/tmp/from-${age}/run`])).toBe('755');
  });

  test('forwards a port of the pod, and says so where nobody listens', async () => {
    const forward = new Program('kubectl', kubectl().start(['port-forward', 'pod/box', ':8080', ':9']));
    const [, open] = await forward.says(/^Forwarding from 127.0.0.1:(\d+) -> 8080$/m);
    const [, shut] = await forward.says(/^Forwarding from 127.0.0.1:(\d+) -> 9$/m);
    const pages = await Promise.all([1, 2, 3].map(async () => (await fetch(`http://127.0.0.1:${open}/`)).text()));
    expect(pages).toEqual(['hello\n', 'hello\n', 'hello\n']);
    await expect(fetch(`http://127.0.0.1:${shut}/`)).rejects.toThrow();
    await until('kubectl has told it', () => forward.stderr.includes('error forwarding port 9 to pod box'));
    await forward.end('SIGTERM');
  });

  test('attaches to a container that listens', async () => {
    const child = kubectl().start(['attach', '-i', 'box', '-c', 'talk']);
    const attach = new Program('kubectl', child);
    child.stdin?.write(`from ${age}\n`);
    await attach.says(new RegExp(`^from ${age}$`, 'm'));
    await attach.end('SIGTERM');
    expect(await kubectl().ok(['get', 'pod', 'box', '-o', 'jsonpath={.status.containerStatuses[*].restartCount}'])).toBe('0 0');
  });

  test('ends what it ran when it is killed', async () => {
    const exec = new Program('kubectl', kubectl().start(['exec', 'box', '-c', 'web', '--', 'sh', '-c', 'echo up; sleep 12345 & wait']));
    await exec.says(/^up$/m);
    await exec.end('SIGKILL');
    const running = (): Promise<string> => kubectl().ok(['exec', 'box', '-c', 'web', '--', 'ps']);
    await until('nothing is left of it', async () => !(await running()).includes('sleep 12345'));
  });
});

test('a terminal has its size, one output and an exit code', async () => {
  const config = new KubeConfig();
  config.loadFromFile(stack.kubeconfig);
  const script = 'until [ "$(stty size)" = "33 101" ]; do sleep 0.1; done; echo sized >&2; read line; echo "got $line"; exit 3';
  const [output, input] = [Object.assign(new PassThrough(), { rows: 33, columns: 101 }), new PassThrough()];
  let said = '';
  output.on('data', (data: Buffer) => (said += data.toString()));
  const status = new Promise<V1Status>((resolve, reject) => {
    new Exec(config).exec('default', 'box', 'web', ['sh', '-c', script], output, null, input, true, resolve).catch(reject);
  });
  await until('the terminal has its size', () => said.includes('sized\r\n'));
  input.write('this\n');
  expect(await status).toMatchObject({ status: 'Failure', reason: 'NonZeroExitCode', details: { causes: [{ message: '3' }] } });
  expect(said).toContain('got this\r\n');
});

test('the proxy reaches the pod', async () => {
  const raw = (path: string): Promise<string> => stack.kubectl.ok(['get', '--raw', `/api/v1/namespaces/default/pods/${path}`]);
  expect(await raw('box:8080/proxy/index.html')).toBe('hello');
  expect(await raw('box/proxy/')).toBe('hello');
  expect(await stack.kubectl.fails(['get', '--raw', '/api/v1/namespaces/default/pods/box:9/proxy/'])).toContain(
    'error trying to reach service',
  );
});

test('logs come from several containers, cut and marked as asked', async () => {
  const logs = (...args: string[]): Promise<string> => stack.kubectl.ok(['logs', ...args]);
  const lines = 'line 1\nline 2\nline 3';
  expect(await logs('box', '-c', 'talk', '--limit-bytes=9')).toBe('line 1\nli');
  expect((await logs('box', '-c', 'talk')).startsWith(lines)).toBe(true);
  expect(await logs('box', '-c', 'web', '--tail=1')).toBe('web speaks');
  expect(await logs('box', '-c', 'web', '--tail=0')).toBe('');
  expect(await logs('box', '-c', 'web', '--timestamps')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d) web speaks$/);
  expect(await logs('box', '-c', 'web', '--since=1h')).toBe('web speaks');
  expect(await logs('box', '-c', 'web', '--since-time=2020-01-01T00:00:00Z')).toBe('web speaks');
  expect(await logs('box', '-c', 'web', `--since-time=${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`)).toBe('');
  const all = await logs('-l', 'app=box', '--all-containers', '--prefix', '--tail=-1');
  expect(all.split('\n')).toEqual(expect.arrayContaining(['[pod/box/web] web speaks', '[pod/box/talk] line 1', '[pod/box/talk] line 3']));
});

test('a board that goes away ends its streams, and says since when it is away', async () => {
  const exec = new Program('kubectl', stack.kubectl.start(['exec', 'box', '-c', 'web', '--', 'sh', '-c', 'echo up; sleep 12345']));
  await exec.says(/^up$/m);
  await board.stop('SIGKILL');
  expect(await exec.ended).not.toBe(0);
  const away = /node board-1 is offline since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/;
  await until('the hub has noticed', async () => away.test(await stack.kubectl.fails(['exec', 'box', '-c', 'web', '--', 'true'])));
  expect(await stack.kubectl.fails(['port-forward', 'box', ':8080'])).toMatch(away);
});
