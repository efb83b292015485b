import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChannelClient } from '@flotilla/hub/apiserver/streams/channel-client-fixture.js';
import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Board } from '../harness/board.ts';
import { streamingKubectls } from '../harness/debian-kubectl.ts';
import { Kubectl } from '../harness/kubectl.ts';
import { Lan, type LanPlace } from '../harness/lan.ts';
import { LinkProxy } from '../harness/link-proxy.ts';
import { Program } from '../harness/program.ts';
import { useStack } from '../harness/stack.ts';
import { inTerminal, untilSized } from '../harness/terminal.ts';
import { until } from '../harness/until.ts';

const dir = mkdtempSync(join(tmpdir(), 'flotilla-streams-'));
const image = 'localhost/flotilla-demo:1';
/** A port of the board itself, not of the pod. */
const ofHost = 9090;
let board: Board;
let lan: Lan | undefined;
let door: LinkProxy | undefined;
let onBoard: LanPlace;
/** Found among all that runs on this machine. */
const answer = `/tmp/answer-${process.pid}`;
const sleeps = `sleep 1${process.pid}`;
const hubArgs: string[] = [];
beforeAll(async () => {
  lan = await Lan.open();
  hubArgs.push('--names', lan.gateway);
});
// Runs after what was set up later is cleared away: without its network a board could not end its pods.
afterAll(async () => {
  await door?.close();
  await lan?.close();
  rmSync(dir, { recursive: true, force: true });
});
// Of the board one port of the hub can be reached, and nothing of the board.
const stack = useStack({ hubArgs, mqtt: 'none' }, async (it) => {
  if (!lan) throw new Error('there is no LAN');
  door = await LinkProxy.open(lan.gateway, '127.0.0.1', [it.ports.api]);
  onBoard = await lan.addBehindNat('board-1', it.ports.api);
  board = await it.addBoard('board-1', { address: lan.gateway, place: onBoard, args: ['--keep-alive', '4'] });
  for (const object of [box, service]) await it.kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(object) });
  await it.waitFor('condition=Ready', 'pod/box');
});

/** What `nc` runs for each connection: an HTTP server that says how it was asked. */
const answersWithTheMethod = [
  'read -r method path rest',
  'while read -r line; do [ "$line" = "$(printf "\\r")" ] && break; done',
  'body="$method $path"',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: for the shell in the container
  'printf "HTTP/1.1 200 OK\\r\\nContent-Length: %s\\r\\nConnection: close\\r\\n\\r\\n" ${#body}',
  '[ "$method" = HEAD ] || printf %s "$body"',
].join('\n');
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'box' },
  spec: { selector: { app: 'box' }, ports: [{ name: 'echo', port: 80, targetPort: 'echo' }] },
};

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
      {
        name: 'echo',
        image,
        command: ['sh', '-c', `echo '${answersWithTheMethod}' > ${answer}; exec nc -ll -p 8081 -e sh ${answer}`],
        ports: [{ name: 'echo', containerPort: 8081 }],
      },
      { name: 'talk', image, stdin: true, command: ['sh', '-c', 'for n in 1 2 3; do echo line $n; done; exec cat'] },
    ],
  },
};

describe.each(Object.entries(await streamingKubectls()))('the %s kubectl', (age, command) => {
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

  test('forwards a port of the pod, and none of the host', async () => {
    const [program = '', ...words] = [...onBoard.enter, 'busybox', 'nc', '-ll', '-p', String(ofHost), '-e', 'true'];
    const listens = new Program('nc', spawn(program, words));
    const forward = new Program('kubectl', kubectl().start(['port-forward', 'pod/box', ':8080', `:${ofHost}`]));
    const [, open] = await forward.says(/^Forwarding from 127.0.0.1:(\d+) -> 8080$/m);
    const [, shut] = await forward.says(new RegExp(`^Forwarding from 127.0.0.1:(\\d+) -> ${ofHost}$`, 'm'));
    const pages = await Promise.all([1, 2, 3].map(async () => (await fetch(`http://127.0.0.1:${open}/`)).text()));
    expect(pages).toEqual(['hello\n', 'hello\n', 'hello\n']);
    await expect(fetch(`http://127.0.0.1:${shut}/`)).rejects.toThrow();
    await until('kubectl has told it', () => forward.stderr.includes(`error forwarding port ${ofHost} to pod box`));
    expect(board.agent?.stderr).toMatch(/"refused a stream","kind":"forward",.*ECONNREFUSED/);
    await forward.end('SIGTERM');
    await listens.end('SIGKILL');
  });

  test('attaches to a container that listens', async () => {
    const child = kubectl().start(['attach', '-i', 'box', '-c', 'talk']);
    const attach = new Program('kubectl', child);
    child.stdin?.write(`from ${age}\n`);
    await attach.says(new RegExp(`^from ${age}$`, 'm'));
    await attach.end('SIGTERM');
    expect(await kubectl().ok(['get', 'pod', 'box', '-o', 'jsonpath={.status.containerStatuses[*].restartCount}'])).toBe('0 0 0');
  });

  test('ends what it ran when it is killed', async () => {
    const exec = new Program('kubectl', kubectl().start(['exec', 'box', '-c', 'web', '--', 'sh', '-c', 'echo up; sleep 12345 & wait']));
    await exec.says(/^up$/m);
    await exec.end('SIGKILL');
    const running = (): Promise<string> => kubectl().ok(['exec', 'box', '-c', 'web', '--', 'ps']);
    await until('nothing is left of it', async () => !(await running()).includes('sleep 12345'));
  });
});

test('all of it goes over the one connection that the board opened', async () => {
  const exec = new Program('kubectl', stack.kubectl.start(['exec', '-i', 'box', '-c', 'web', '--', 'cat']));
  exec.type('here\n');
  await exec.says(/^here$/m);
  const [program = '', ...words] = onBoard.enter;
  const at = (...command: string[]): string => spawnSync(program, [...words, ...command]).stdout.toString();
  // Local and remote address, and 01: established.
  const open = [...at('cat', '/proc/net/tcp').matchAll(/^ *\d+: (\w+):\w+ (\w+):(\w+) 01 /gm)].filter(([, from, to]) => from !== to);
  expect(open.map(([, , , port]) => Number.parseInt(port ?? '', 16))).toEqual([stack.ports.api]);
  await exec.end('SIGTERM');
  // And there is no other way out.
  const other = createServer().listen(0, lan?.gateway);
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  expect(spawnSync(program, [...words, 'busybox', 'nc', '-w', '20', lan?.gateway ?? '', String(port)]).status).not.toBe(0);
  other.close();
});

test('a terminal has its size, one output and an exit code', async () => {
  const script = `${untilSized}; read line; echo "got $line"; exit 3`;
  const { shown, status } = await inTerminal({ kubeconfig: stack.kubeconfig, pod: 'box', container: 'web', script, types: 'this\n' });
  expect(status).toMatchObject({ status: 'Failure', reason: 'NonZeroExitCode', details: { causes: [{ message: '3' }] } });
  expect(shown).toContain('got this\r\n');
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

/** The descriptions of Kubernetes' conformance suite (test/conformance/testdata/conformance.yaml) that are about streams, by their names. */
describe('conformance', () => {
  const pods = '/api/v1/namespaces/default/pods/box';

  async function socket(path: string, protocol: string): Promise<ChannelClient> {
    const config = new KubeConfig();
    config.loadFromFile(stack.kubeconfig);
    const [cluster, user] = [config.getCurrentCluster(), config.getCurrentUser()];
    const text = (data: string | undefined): string => Buffer.from(data ?? '', 'base64').toString();
    const identity = { ca: text(cluster?.caData), cert: text(user?.certData), key: text(user?.keyData) };
    return ChannelClient.open(`${cluster?.server.replace('https:', 'wss:')}${path}`, [protocol], identity);
  }

  test('Pods, remote command execution over websocket', async () => {
    const exec = `${pods}/exec?stderr=1&stdout=1&container=web&command=echo&command=remote+execution+test`;
    const client = await socket(exec, 'channel.k8s.io');
    await client.closed;
    expect(client.on(1)).toBe('remote execution test\n');
  });

  test('Pods, logs from websockets', async () => {
    const client = await socket(`${pods}/log?container=web`, 'binary.k8s.io');
    await client.closed;
    expect(client.messages.map(String).join('')).toBe('web speaks\n');
  });

  test('Kubectl, logs', async () => {
    const logs = async (...args: string[]): Promise<string> => (await stack.kubectl.run(['logs', 'box', '-c', 'talk', ...args])).stdout;
    const all = await logs();
    expect(all).toContain('line 1\nline 2\nline 3\n');
    expect(await logs('--tail=1')).toBe(`${all.trimEnd().split('\n').at(-1)}\n`);
    expect(await logs('--limit-bytes=1')).toBe('l');
    const [time = '', ...rest] = (await logs('--tail=1', '--timestamps')).trimEnd().split(' ');
    expect(Date.parse(time)).toBeGreaterThan(0);
    expect(`${rest.join(' ')}\n`).toBe(await logs('--tail=1'));
    const [recent, older] = [await logs('--since=1s'), await logs('--since=24h')];
    expect(older).toBe(all);
    expect(older.endsWith(recent)).toBe(true);
  });

  test('Kubectl, proxy port zero; Kubectl, proxy socket', async () => {
    const path = join(dir, 'proxy.sock');
    const proxies = [
      new Program('kubectl', stack.kubectl.start(['proxy', '-p', '0', '--disable-filter'])),
      new Program('kubectl', stack.kubectl.start(['proxy', `--unix-socket=${path}`])),
    ] as const;
    const [, address] = await proxies[0].says(/^Starting to serve on (.+)$/m);
    await proxies[1].says(/^Starting to serve on /m);
    const versions = expect.objectContaining({ kind: 'APIVersions', versions: ['v1'] });
    expect(await (await fetch(`http://${address}/api/`)).json()).toEqual(versions);
    expect(JSON.parse(await overSocket(path, '/api/'))).toEqual(versions);
    await Promise.all(proxies.map((proxy) => proxy.end('SIGTERM')));
  });

  test('Proxy, validate Proxy responses; Proxy, validate ProxyWithPath responses', async () => {
    const proxy = new Program('kubectl', stack.kubectl.start(['proxy', '-p', '0', '--disable-filter']));
    const [, address] = await proxy.says(/^Starting to serve on (.+)$/m);
    const places = ['pods/box:8081', 'services/box:echo'].map((place) => `http://${address}/api/v1/namespaces/default/${place}/proxy`);
    await until('the Service has its pod', async () => (await fetch(`${places[1]}/`)).ok);
    for (const method of ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']) {
      for (const place of places) {
        const answers = await Promise.all(
          [place, `${place}/some/path/with/${method}`].map((url) => fetch(url, { method, redirect: 'manual' })),
        );
        expect([method, place, answers[1]?.status]).toEqual([method, place, 200]);
        expect(await answers[1]?.text()).toBe(method === 'HEAD' ? '' : `${method} /some/path/with/${method}`);
        // Without a path who reads is sent to the folder, as in Kubernetes; all else reaches the pod.
        expect([200, 301]).toContain(answers[0]?.status);
      }
    }
    await proxy.end('SIGTERM');
  });
});

test('a port of a Service is one of its pod', async () => {
  const forward = new Program('kubectl', stack.kubectl.start(['port-forward', 'service/box', ':80']));
  const [, local] = await forward.says(/^Forwarding from 127.0.0.1:(\d+) -> 8081$/m);
  expect(await (await fetch(`http://127.0.0.1:${local}/service`)).text()).toBe('GET /service');
  await forward.end('SIGTERM');
});

function overSocket(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers: { host: 'localhost' } }, (answer) => {
      let text = '';
      answer.on('data', (data: Buffer) => {
        text += data.toString();
      });
      answer.on('end', () => resolve(text));
    });
    asked.once('error', reject);
    asked.end();
  });
}

test('a hub that is killed ends streams at both ends, leaves nothing on the board, and carries new ones when it is back', async () => {
  const start = (...args: string[]): Program => new Program('kubectl', stack.kubectl.start(args));
  const exec = start('exec', '-i', 'box', '-c', 'web', '--', 'sh', '-c', `echo up; ${sleeps} & wait`);
  const logs = start('logs', '-f', 'box', '-c', 'web');
  const forward = start('port-forward', 'box', ':8081');
  await Promise.all([exec.says(/^up$/m), logs.says(/^web speaks$/m)]);
  const [, local] = await forward.says(/^Forwarding from 127.0.0.1:(\d+) -> 8081$/m);
  // The program behind this port waits for the rest of it.
  const open = connect(Number(local), '127.0.0.1');
  open.on('error', () => {});
  open.resume().write('GET /half HTTP/1.1\r\n');
  const ofTheBoard = (): string[] => running().filter((line) => line === sleeps || line === `sh ${answer}`);
  await until('both run', () => ofTheBoard().length === 2);
  const closed = once(open, 'close');
  await stack.hub.end('SIGKILL');
  expect(await exec.ended).not.toBe(0);
  await Promise.all([logs.ended, forward.ended, closed]);
  await until('nothing is left of them', () => ofTheBoard().length === 0);
  await stack.startHub();
  const again = async (): Promise<boolean> => (await stack.kubectl.run(['exec', 'box', '-c', 'web', '--', 'true'])).code === 0;
  await until('the board is back', again);
  expect(await stack.kubectl.ok(['logs', 'box', '-c', 'web'])).toBe('web speaks');
});

/** The command lines of what runs on this machine, which is the board's too. */
function running(): string[] {
  const lineOf = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    } catch {
      // It has ended.
      return '';
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(lineOf);
}

test('a board that goes away ends its streams, and says since when it is away', async () => {
  const exec = new Program('kubectl', stack.kubectl.start(['exec', 'box', '-c', 'web', '--', 'sh', '-c', 'echo up; sleep 12345']));
  await exec.says(/^up$/m);
  await board.stop('SIGKILL');
  expect(await exec.ended).not.toBe(0);
  const away = /node board-1 is offline since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/;
  await until('the hub has noticed', async () => away.test(await stack.kubectl.fails(['exec', 'box', '-c', 'web', '--', 'true'])));
  expect(await stack.kubectl.fails(['port-forward', 'box', ':8080'])).toMatch(away);
});
