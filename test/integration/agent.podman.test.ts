import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Agent, createAgent } from '@flotilla/agent/agent.js';
import { FakeHub, makeContainer, makePod } from '@flotilla/agent/agent-harness.js';
import { FakeHost } from '@flotilla/agent/node/fake-host.js';
import { PodmanRuntime } from '@flotilla/agent/runtime/podman/podman-runtime.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoImages } from '../harness/images.ts';
import { type PodmanPlace, podmanPlace } from '../harness/podman.ts';
import { until } from '../harness/until.ts';

const clock = new SystemClock();
const hub = new FakeHub(clock);
const image = 'localhost/flotilla-demo:1';
let place: PodmanPlace;
let agent: Agent;
let runtime: PodmanRuntime;

async function boot(): Promise<void> {
  const exec = new SystemExec();
  const dataDir = join(place.dir, 'agent');
  runtime = new PodmanRuntime({
    ...{ clock, exec, log: silentLogger, dataDir: join(dataDir, 'runtime'), runDir: join(place.dir, 'r') },
    ...{ env: process.env, storage: place.storage },
  });
  agent = createAgent(
    { dataDir, volatileDir: join(place.dir, 'v'), nodeName: 'board', labels: {}, taints: [], capacity: {}, version: 'v1.34.0+flotilla.0' },
    {
      clock,
      random: new SystemRandom(),
      files: new SystemFiles(),
      logger: silentLogger,
      runtime,
      host: new FakeHost(),
      link: (handlers) => hub.link(handlers),
    },
  );
  await agent.start();
}

beforeAll(async () => {
  place = await podmanPlace();
  await demoImages(place);
  await boot();
});

afterAll(async () => {
  await agent.stop();
  await place.close();
});

const phase = (name: string, wanted: string): Promise<unknown> => until(`${name} is ${wanted}`, () => hub.status(name).phase === wanted);
const ready = (name: string): Promise<unknown> =>
  until(`${name} is ready`, () => hub.status(name).containerStatuses?.every((one) => one.ready) ?? false);
const ids = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await runtime.list()).flatMap(({ name, containers }) =>
      containers.filter(({ status }) => status === 'running').map((one) => [`${name}/${one.name}`, one.id]),
    ),
  );

describe('the agent on podman', () => {
  const shell = (name: string, script: string, more: object = {}): ReturnType<typeof makeContainer> =>
    makeContainer(name, {}, { image, command: ['sh', '-c', script], ...more });
  const forEver = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
  const objects = {
    configMaps: [{ metadata: { namespace: 'default', name: 'c' }, data: { greeting: 'hello' } } as object],
    secrets: [{ metadata: { namespace: 'default', name: 's' }, data: { word: Buffer.from('hidden').toString('base64') } } as object],
  };
  const volumes = [
    { name: 'config', configMap: { name: 'c' } },
    { name: 'secret', secret: { secretName: 's' } },
    { name: 'scratch', emptyDir: {} },
    { name: 'memory', emptyDir: { medium: 'Memory' } },
    {
      name: 'token',
      projected: {
        sources: [
          { serviceAccountToken: { path: 'token' } },
          { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
        ],
      },
    },
  ];
  const volumeMounts = [
    { name: 'config', mountPath: '/c', readOnly: true },
    { name: 'config', mountPath: '/one', subPath: 'greeting' },
    { name: 'secret', mountPath: '/s' },
    { name: 'scratch', mountPath: '/e' },
    { name: 'memory', mountPath: '/m' },
    { name: 'token', mountPath: '/t' },
  ];
  const web = makePod('web', {
    volumes,
    initContainers: [shell('init', 'echo made > /e/file', { volumeMounts })],
    containers: [
      shell(
        'main',
        `echo $(cat /c/greeting) $(cat /one) $(cat /s/word) $(cat /e/file) $(cat /t/name) $(cat /t/token) $ENV_WORD $POD_IP > /m/seen; cat /m/seen; ${forEver}`,
        {
          volumeMounts,
          env: [
            { name: 'ENV_WORD', valueFrom: { secretKeyRef: { name: 's', key: 'word' } } },
            { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ],
          resources: { limits: { memory: '64Mi', cpu: '500m' } },
        },
      ),
      shell('second', forEver),
    ],
  });
  const job = makePod('job', { restartPolicy: 'Never', containers: [shell('main', 'echo last words > /dev/termination-log; exit 3')] });

  it('gives a pod its init container, volumes and environment', async () => {
    await hub.want([web, job], objects);
    await phase('web', 'Running');
    await ready('web');
    expect(hub.status('web')).toMatchObject({
      podIP: expect.stringMatching(/^10\.213\.7\./),
      initContainerStatuses: [{ ready: true, state: { terminated: { exitCode: 0 } } }],
    });
    const seen = join(place.dir, 'v/pods', web.metadata?.uid ?? '', 'volumes/memory/seen');
    const text = await until('the container wrote', () => readFile(seen, 'utf8').catch(() => undefined));
    expect(text).toBe(`hello hello hidden made web token 1 of default hidden ${hub.status('web').podIP}\n`);
  });

  it('tells how a job ended, with its last words', async () => {
    await phase('job', 'Failed');
    expect(hub.status('job').containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 3,
      reason: 'Error',
      message: 'last words\n',
    });
  });

  it('brings a killed container back, and only that one', async () => {
    const before = await ids();
    await place.podman('kill', '--signal', 'KILL', before['web/main'] ?? '');
    await until(
      'it is back',
      () =>
        hub.status('web').containerStatuses?.find(({ name }) => name === 'main')?.restartCount === 1 &&
        hub.status('web').conditions?.[2]?.status === 'True',
    );
    expect((await ids())['web/second']).toBe(before['web/second']);
    expect(hub.status('web').containerStatuses?.find(({ name }) => name === 'main')).toMatchObject({
      ready: true,
      lastState: { terminated: { exitCode: 137 } },
    });
  });

  it('adopts what runs after a restart, and repairs what is gone', async () => {
    const before = await ids();
    await agent.stop();
    hub.cutOff();
    await place.podman('rm', '--force', '--time', '0', before['web/main'] ?? '');
    await boot();
    await until('it is back', async () => (await ids())['web/main'] !== undefined);
    expect(await ids()).toMatchObject({ 'web/second': before['web/second'] });
    hub.comeBack();
    await until('the hub knows', () => hub.status('web').containerStatuses?.find(({ name }) => name === 'main')?.restartCount === 2);
  });

  it('leaves nothing of a deleted pod', async () => {
    await hub.want([]);
    await until('all is gone', async () => (await runtime.list()).length === 0 && [...hub.pods.values()].every(({ gone }) => gone));
    const left = new SystemFiles();
    expect([await left.list(join(place.dir, 'agent/pods')), await left.list(join(place.dir, 'v/pods'))]).toEqual([[], []]);
  });
});
