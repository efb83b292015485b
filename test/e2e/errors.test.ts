import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Event, EventList, Pod, PodSpec } from '@flotilla/shared/api/generated/types.js';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import type { Board } from '../harness/board.ts';
import { Program } from '../harness/program.ts';
import { flotilla, repository, useStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const agentEntry = join(repository, 'agent/src/cmd/flotilla-agent.ts');
const demo = 'localhost/flotilla-demo:1';
const absent = '127.0.0.1:1/absent:1';
let board: Board;
const stack = useStack({}, async (it) => {
  board = await it.addBoard('board-1');
});

// Whatever was wrong, nothing crashed.
afterEach(() => {
  expect(stack.hub.running).toBe(true);
  expect(board.agent?.running).toBe(true);
});

const refused = (manifest: object): Promise<string> => stack.kubectl.fails(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
const temporary = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-errors-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
};
const podWith = (name: string, spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { terminationGracePeriodSeconds: 0, ...spec },
});
const main = (more: object): Partial<PodSpec> => ({ containers: [{ name: 'main', image: demo, ...more }] });

/** How a kubectl that validates by itself refuses, and where the hub is asked without it. */
interface Early {
  readonly says: string;
  readonly path: string;
}

test.each<[what: string, manifest: object, words: string, early?: Early]>([
  [
    'an unknown field',
    podWith('one', { containers: [{ name: 'main', imagee: demo }] }),
    'strict decoding error: unknown field "spec.containers[0].imagee"',
    { says: 'ValidationError(Pod.spec.containers[0]): unknown field "imagee"', path: '/api/v1/namespaces/default/pods' },
  ],
  [
    'a wrong type',
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'one' }, spec: { replicas: 'three' } },
    'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field',
    { says: 'ValidationError(Deployment.spec.replicas): invalid type', path: '/apis/apps/v1/namespaces/default/deployments' },
  ],
  [
    'a bad name',
    podWith('Bad_Name', main({})),
    'The Pod "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of',
  ],
  [
    'a missing field',
    podWith('one', {}),
    'The Pod "one" is invalid: spec.containers: Required value',
    { says: 'ValidationError(Pod.spec): missing required field "containers"', path: '/api/v1/namespaces/default/pods' },
  ],
  [
    'an unknown kind',
    { apiVersion: 'example.com/v1', kind: 'Gadget', metadata: { name: 'one' } },
    'no matches for kind "Gadget" in version "example.com/v1"',
  ],
  [
    'an unknown namespace',
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one', namespace: 'nowhere' } },
    'namespaces "nowhere" not found',
  ],
])('kubectl is told of %s', async (_, manifest, words, early) => {
  if (!early || (await stack.kubectl.leavesValidationToServer())) {
    expect(await refused(manifest)).toContain(words);
  } else {
    expect(await refused(manifest)).toContain(early.says);
    const raw = ['create', '--raw', `${early.path}?fieldValidation=Strict`, '-f', '-'];
    expect(await stack.kubectl.fails(raw, { input: JSON.stringify(manifest) })).toContain(words);
  }
  expect(await stack.kubectl.ok(['get', 'pods,deployments', '-o', 'name'])).toBe('');
});

test('kubectl is told of what is not there and of who it is not', async () => {
  expect(await stack.kubectl.fails(['get', 'gadgets'])).toContain(`the server doesn't have a resource type "gadgets"`);
  expect(await stack.kubectl.fails(['get', 'pod', 'nobody'])).toBe('Error from server (NotFound): pods "nobody" not found');
  const server = ['--kubeconfig', '/dev/null', '--server', `https://127.0.0.1:${stack.ports.api}`, '--insecure-skip-tls-verify'];
  const said = await stack.kubectl.fails([...server, '--token', 'nonsense', 'get', 'pods']);
  expect(said).toContain('You must be logged in to the server');
});

test('a board with a wrong or no token is told so and ends; with an expired one it is told that it waits', async () => {
  const joins = async (token: string): Promise<string> => {
    const stranger = await stack.makeBoard('stranger', { images: false, token });
    expect(await stranger.start().ended).toBe(1);
    expect(stranger.agent?.stderr.trim().split('\n')).toHaveLength(1);
    return stranger.agent?.stderr.trim() ?? '';
  };
  const expired = await stack.joinToken('--ttl', '0.001s');
  const late = await stack.makeBoard('late', { images: false, token: expired });
  await late.start().says(/the join token expired at 20.*flotilla node approve late --fingerprint SHA256:/);
  await late.stop();
  const [form, id, , pin] = expired.split('.');
  expect(await joins([form, id, 'x'.repeat(32), pin].join('.'))).toMatch(/^flotilla-agent: .*the join token is unknown to this hub/);
  expect(await joins('secret')).toMatch(/^flotilla-agent: .*join token.*f1\.ID\.SECRET\.PIN/);
  expect(await joins('')).toMatch(/^flotilla-agent: .*token/);
  const good = await stack.joinToken();
  expect(await joins(good.replace(/\.[^.]+$/, `.${'0'.repeat(64)}`))).toMatch(/^flotilla-agent: .*(authority|pin)/);
  expect(await stack.kubectl.ok(['get', 'nodes', '-o', 'name'])).toBe('node/board-1');
});

test('a hub whose port is busy says which', async () => {
  const dir = temporary();
  const second = async (...listen: string[]): Promise<string> => {
    const hub = Program.node('second hub', flotilla, ['hub', '--data-dir', dir, ...listen], { env: stack.env });
    expect(await hub.ended).toBe(1);
    expect(hub.stdout).toBe('');
    return hub.stderr.trim();
  };
  const { api, mqtt } = stack.ports;
  const free = '127.0.0.1:0';
  expect(await second('--listen', `127.0.0.1:${api}`, '--mqtt-listen', free)).toMatch(
    new RegExp(`^flotilla: port ${api} of 127.0.0.1 is in use: .*$`),
  );
  expect(await second('--listen', free, '--mqtt-listen', `127.0.0.1:${mqtt}`)).toMatch(
    new RegExp(`^flotilla: port ${mqtt} of 127.0.0.1 is in use: .*$`),
  );
  expect(await second('--listen', 'everywhere')).toBe('flotilla: --listen "everywhere" is not HOST:PORT');
});

test('a machine without podman is told what to install', async () => {
  const dir = temporary();
  symlinkSync(process.execPath, join(dir, 'node'));
  const args = ['--hub', `https://127.0.0.1:${stack.ports.api}`, '--token', 'f1.a.b.c', '--data-dir', join(dir, 'data')];
  const agent = Program.node('agent', agentEntry, args, { env: { PATH: dir, HOME: dir } });
  expect(await agent.ended).toBe(1);
  expect(agent.stderr.trim()).toBe(
    'flotilla-agent: this machine cannot run pods yet: podman is not installed: install the package podman (apt install podman)',
  );
  const wrong = Program.node('agent', agentEntry, ['--node-name', 'Not A Name'], { env: { PATH: dir, HOME: dir } });
  expect(await wrong.ended).toBe(1);
  expect(wrong.stderr).toMatch(/^flotilla-agent: --node-name: "Not A Name" is not a name/);
});

test('a second agent with the same data directory is refused', async () => {
  const again = await stack.joinToken();
  const second = Program.node('second agent', agentEntry, [
    ...['--hub', `https://127.0.0.1:${stack.ports.api}`, '--token', again, '--data-dir', board.dataDir],
    ...['--node-name', 'board-1', '--podman-storage', board.place.dir],
  ]);
  expect(await second.ended).toBe(1);
  expect(second.stderr).toContain(`flotilla-agent: ${board.dataDir} is in use by another agent; only one can own a data directory\n`);
  expect(board.agent?.stderr).not.toContain('disconnected');
});

const crashing = main({ command: ['sh', '-c', 'echo broken; exit 3'] });
const cases = {
  'too-big': main({ resources: { requests: { cpu: '1000' } } }),
  'no-image': main({ image: absent }),
  'no-pull': main({ image: absent, imagePullPolicy: 'Never' }),
  'no-config': main({ envFrom: [{ configMapRef: { name: 'nowhere' } }] }),
  'no-secret': main({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'nowhere', key: 'a' } } }] }),
  'no-volume': {
    ...main({ volumeMounts: [{ name: 'files', mountPath: '/files' }] }),
    volumes: [{ name: 'files', configMap: { name: 'nowhere' } }],
  },
  'no-program': main({ command: ['/no/such/program'] }),
  crash: crashing,
  'crash-first': { initContainers: crashing.containers, ...main({ name: 'second' }) },
};
const create = async (name: keyof typeof cases): Promise<void> => {
  await stack.kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(podWith(name, cases[name])) });
};
const waiting = async (name: string, reason: string): Promise<string> =>
  until(`${name} waits with ${reason}`, async () => {
    const { status } = await stack.get<Pod>('pod', name);
    const state = (status?.initContainerStatuses ?? status?.containerStatuses)?.[0]?.state?.waiting;
    return state?.reason === reason ? (state.message ?? '') : undefined;
  });
const event = (name: string, reason: string, words: string | RegExp): Promise<Event> =>
  until(`${name} has an event ${reason}: ${words}`, async () => {
    const { items = [] } = await stack.get<EventList>('events', '--field-selector', `involvedObject.name=${name},reason=${reason}`);
    return items.find(({ message = '' }) => (typeof words === 'string' ? message === words : words.test(message)));
  });
const status = async (name: string): Promise<string> => (await stack.kubectl.ok(['get', 'pod', name])).split('\n')[1] ?? '';

test('a pod that fits nowhere says why', async () => {
  await create('too-big');
  const why = '0/1 nodes are available: 1 Insufficient cpu. ';
  await event('too-big', 'FailedScheduling', new RegExp(`^${why}`));
  expect(await status('too-big')).toMatch(/Pending/);
  expect(await stack.kubectl.ok(['describe', 'pod', 'too-big'])).toContain(why);
});

test('an image that cannot be had is pulled again with back-off', async () => {
  await create('no-image');
  await create('no-pull');
  expect(await waiting('no-image', 'ImagePullBackOff')).toContain(`Back-off pulling image "${absent}"`);
  await event('no-image', 'Failed', new RegExp(`^Failed to pull image "${absent}": .*connection refused`));
  await event('no-image', 'Failed', 'Error: ErrImagePull');
  await event('no-image', 'BackOff', `Back-off pulling image "${absent}"`);
  expect(await status('no-image')).toMatch(/0\/1 +(ErrImagePull|ImagePullBackOff) +0/);
  expect(await waiting('no-pull', 'ErrImageNeverPull')).toBe(`Container image "${absent}" is not present with pull policy of Never`);
  expect(await stack.kubectl.fails(['logs', 'no-image'])).toMatch(/container "main" in pod "no-image" is waiting to start: /);
});

test('what a pod refers to and is not there is named, and the pod starts when it comes', async () => {
  await create('no-config');
  await create('no-secret');
  await create('no-volume');
  expect(await waiting('no-config', 'CreateContainerConfigError')).toBe('configmap "nowhere" not found');
  expect(await waiting('no-secret', 'CreateContainerConfigError')).toBe('secret "nowhere" not found');
  await event('no-volume', 'FailedMount', /^MountVolume\.SetUp failed for volume "files" : configmap "nowhere" not found/);
  expect(await status('no-volume')).toMatch(/0\/1 +ContainerCreating/);
  await stack.kubectl.ok(['create', 'configmap', 'nowhere', '--from-literal=a=b']);
  await stack.waitFor('condition=Ready', 'pod/no-config', 'pod/no-volume');
});

test('a container that fails is restarted with back-off and says how it ended', async () => {
  await create('crash');
  await create('crash-first');
  await create('no-program');
  // It goes on restarting meanwhile: everything is of one look at it.
  const { metadata, status: looked } = await until('crash waits', async () => {
    const pod = await stack.get<Pod>('pod', 'crash');
    return pod.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff' && pod;
  });
  const [container] = looked?.containerStatuses ?? [];
  expect(container).toMatchObject({ ready: false, started: false, lastState: { terminated: { exitCode: 3, reason: 'Error' } } });
  expect(container?.restartCount).toBeGreaterThan(0);
  const [delay = '', ...rest] = (container?.state?.waiting?.message ?? '').split(' restarting ');
  expect(delay).toMatch(/^back-off (10s|20s|40s|1m20s|2m40s|5m0s)$/);
  expect(rest).toEqual([`failed container=main pod=crash_default(${metadata?.uid})`]);
  expect(await stack.kubectl.ok(['logs', 'crash', '--previous'])).toBe('broken');
  await event('crash', 'BackOff', /^Back-off restarting failed container main in pod crash_default\(/);
  await until('it shows', async () => /0\/1 +Init:CrashLoopBackOff/.test(await status('crash-first')));
  await event('no-program', 'Failed', /^Error: .*\/no\/such\/program/);
});

test('all of it can be deleted', async () => {
  await stack.kubectl.ok(['delete', 'pods', '--all', '--timeout=120s']);
  await until('podman is empty', async () => (await board.containers()).length === 0);
});
