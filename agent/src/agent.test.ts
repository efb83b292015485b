import type { NodeStatus } from '@flotilla/shared/api/generated/types.js';
import { describe, expect, it } from 'vitest';
import { type Board, makeBoard, makeContainer, makePod } from './agent-harness.ts';
import { plainSandbox } from './runtime/runtime.contract.ts';

async function containersOf(board: Board, name: string): Promise<{ name: string; attempt: number; status: string; id: string }[]> {
  const sandboxes = (await board.runtime.list()).filter((sandbox) => sandbox.name === name);
  return sandboxes.flatMap(({ containers }) => containers.map(({ name: of, attempt, status, id }) => ({ name: of, attempt, status, id })));
}

describe('a running pod', () => {
  it('is told of in Kubernetes’ words', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('web')]);
    await board.pass(2000);
    const status = board.hub.status('web');
    expect(status).toMatchObject({
      phase: 'Running',
      podIP: expect.stringMatching(/^10\.213\.7\./),
      hostIP: '192.0.2.7',
      qosClass: 'BestEffort',
      containerStatuses: [
        { name: 'main', ready: true, started: true, restartCount: 0, state: { running: { startedAt: expect.any(String) } } },
      ],
    });
    expect(status.containerStatuses?.[0]?.containerID).toMatch(/^fake:\/\//);
    expect(status.conditions?.map(({ type, status: value }) => `${type}=${value}`)).toEqual([
      'PodReadyToStartContainers=True',
      'Initialized=True',
      'Ready=True',
      'ContainersReady=True',
    ]);
    expect(board.hub.said('web')).toEqual([
      'Pulled: Container image "localhost/app:1" already present on machine',
      'Created: Created container: main',
      'Started: Started container main',
    ]);
    expect(board.hub.node?.status).toMatchObject({ capacity: { cpu: '4', pods: '110' } });
    expect(board.agent.reporter.idle && board.agent.pods.idle).toBe(true);
  });

  it('is restarted with back-off', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('crash', { containers: [makeContainer('main', { FAKE_EXIT_CODE: '3', FAKE_EXIT_AFTER_MS: '100' })] })]);
    await board.pass(5000);
    const message = expect.stringMatching(/^back-off 10s restarting failed container=main pod=crash_default\(uid-/);
    expect(board.hub.status('crash').containerStatuses?.[0]).toMatchObject({
      ready: false,
      restartCount: 1,
      state: { waiting: { reason: 'CrashLoopBackOff', message } },
      lastState: { terminated: { exitCode: 3, reason: 'Error' } },
    });
    expect(board.hub.status('crash')).toMatchObject({
      phase: 'Running',
      conditions: [{}, {}, { reason: 'ContainersNotReady', message: 'containers with unready status: [main]' }, {}],
    });
    const starts = (): number | undefined => board.runtime.starts.get('default/crash/main');
    const seen = [starts()];
    for (const ms of [6000, 19_000, 2000]) {
      await board.pass(ms);
      seen.push(starts());
    }
    expect(seen).toEqual([2, 3, 3, 4]);
    expect(board.hub.said('crash')).toContainEqual(
      expect.stringMatching(/^BackOff: Back-off restarting failed container main in pod crash_default\(/),
    );
    expect(await containersOf(board, 'crash')).toHaveLength(2);
  });

  it('writes nothing and says nothing while nothing happens', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('a'), makePod('b')]);
    await board.pass(5000);
    const [steps, reports] = [board.files.steps, board.hub.reports];
    await board.pass(6 * 3_600_000);
    expect([board.files.steps, board.hub.reports]).toEqual([steps, reports]);
  });

  it('gets the new image first, then one new container', async () => {
    const board = await makeBoard();
    board.runtime.script('localhost/app:3', { pullMs: 5000 });
    const pod = makePod('web');
    await board.hub.want([pod]);
    await board.pass(2000);
    await board.hub.want([{ ...pod, spec: { ...pod.spec, containers: [makeContainer('main', {}, { image: 'localhost/app:3' })] } }]);
    await board.pass(3000);
    expect(board.hub.status('web').phase).toBe('Running');
    expect(board.runtime.starts.get('default/web/main')).toBe(1);
    await board.pass(4000);
    expect(board.hub.status('web').containerStatuses?.[0]).toMatchObject({ ready: true, restartCount: 1, image: 'localhost/app:3' });
    expect(board.hub.said('web')).toContain('Killing: Container main definition changed, will be restarted');
  });
});

describe('waiting', () => {
  it('shows why an image cannot be had, and recovers', async () => {
    const board = await makeBoard();
    board.runtime.script('localhost/gone:1', { pullError: ['manifest unknown', ''] });
    await board.hub.want([makePod('p', { containers: [makeContainer('main', {}, { image: 'localhost/gone:1' })] })]);
    await board.pass(1000);
    expect(board.hub.status('p')).toMatchObject({
      phase: 'Pending',
      containerStatuses: [{ state: { waiting: { reason: 'ErrImagePull', message: expect.stringContaining('manifest unknown') } } }],
    });
    await board.pass(3000);
    expect(board.hub.status('p').containerStatuses?.[0]?.state?.waiting?.reason).toBe('ImagePullBackOff');
    await board.pass(10_000);
    expect(board.hub.status('p').phase).toBe('Running');
    expect(board.hub.said('p')).toEqual(
      expect.arrayContaining([
        'Failed: Error: ErrImagePull',
        'BackOff: Back-off pulling image "localhost/gone:1"',
        'Failed: Error: ImagePullBackOff',
      ]),
    );
  });

  it('refuses an image that may not be pulled', async () => {
    const board = await makeBoard();
    await board.hub.want([
      makePod('p', { containers: [makeContainer('main', {}, { image: 'localhost/gone:1', imagePullPolicy: 'Never' })] }),
    ]);
    await board.pass(1000);
    const message = 'Container image "localhost/gone:1" is not present with pull policy of Never';
    expect(board.hub.status('p').containerStatuses?.[0]?.state?.waiting).toEqual({ reason: 'ErrImageNeverPull', message });
  });

  it('waits for a ConfigMap, as a volume and in the environment', async () => {
    const board = await makeBoard();
    const env = makePod('env', { containers: [makeContainer('main', {}, { envFrom: [{ configMapRef: { name: 'c' } }] })] });
    const volume = makePod('vol', { volumes: [{ name: 'v', configMap: { name: 'c' } }] });
    await board.hub.want([env, volume]);
    await board.pass(2000);
    expect(board.hub.status('env').containerStatuses?.[0]?.state?.waiting).toEqual({
      reason: 'CreateContainerConfigError',
      message: 'configmap "c" not found',
    });
    expect(board.hub.status('vol').containerStatuses?.[0]?.state?.waiting).toEqual({ reason: 'ContainerCreating' });
    expect(board.hub.said('vol')).toContain('FailedMount: MountVolume.SetUp failed for volume "v" : configmap "c" not found');
    await board.hub.want([env, volume], {
      configMaps: [{ metadata: { namespace: 'default', name: 'c' }, data: { FAKE_OUTPUT: 'hello\n' } } as object],
    });
    await board.pass(2000);
    expect([board.hub.status('env').phase, board.hub.status('vol').phase]).toEqual(['Running', 'Running']);
  });

  it('shows a process that cannot be started', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('p', { containers: [makeContainer('main', { FAKE_START_ERROR: 'exec: "nope": not found' })] })]);
    await board.pass(3000);
    expect(board.hub.status('p').containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 128, reason: 'StartError', message: 'exec: "nope": not found' } },
    });
    expect(board.hub.said('p')).toContain('Failed: Error: exec: "nope": not found');
  });
});

describe('init containers', () => {
  it('run in order before the others, and sidecars beside them', async () => {
    const board = await makeBoard();
    const exits = { FAKE_EXIT_AFTER_MS: '1000', FAKE_EXIT_CODE: '0' };
    const initContainers = [
      makeContainer('one', exits),
      makeContainer('side', {}, { restartPolicy: 'Always' }),
      makeContainer('two', exits),
    ];
    await board.hub.want([makePod('p', { initContainers })]);
    await board.pass(500);
    expect(board.hub.status('p')).toMatchObject({
      phase: 'Pending',
      containerStatuses: [{ state: { waiting: { reason: 'PodInitializing' } } }],
      conditions: [
        {},
        { status: 'False', reason: 'ContainersNotInitialized', message: 'containers with incomplete status: [one side two]' },
        {},
        {},
      ],
    });
    expect(await containersOf(board, 'p')).toMatchObject([{ name: 'one' }]);
    await board.pass(1000);
    expect((await containersOf(board, 'p')).map(({ name }) => name)).toEqual(['one', 'side', 'two']);
    await board.pass(2000);
    expect(board.hub.status('p')).toMatchObject({
      phase: 'Running',
      initContainerStatuses: [
        { name: 'one', ready: true, state: { terminated: { exitCode: 0, reason: 'Completed' } } },
        { name: 'side', ready: true, started: true },
        { name: 'two', ready: true },
      ],
      containerStatuses: [{ ready: true }],
    });
  });

  it('that fail keep the others from starting; with Never the pod failed', async () => {
    const board = await makeBoard();
    const initContainers = [makeContainer('one', { FAKE_EXIT_AFTER_MS: '10', FAKE_EXIT_CODE: '1' })];
    await board.hub.want([makePod('again', { initContainers }), makePod('once', { initContainers, restartPolicy: 'Never' })]);
    await board.pass(5000);
    expect(board.hub.status('again')).toMatchObject({
      phase: 'Pending',
      initContainerStatuses: [{ restartCount: 1, state: { waiting: { reason: 'CrashLoopBackOff' } } }],
    });
    expect(board.hub.status('once')).toMatchObject({
      phase: 'Failed',
      initContainerStatuses: [{ restartCount: 0, state: { terminated: { exitCode: 1 } } }],
    });
    expect(board.runtime.starts.get('default/again/main')).toBeUndefined();
  });
});

describe('last words', () => {
  it('are what the container wrote to its termination message', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('p', {}, { uid: 'u' })]);
    await board.pass(1000);
    await board.files.write('/data/agent/pods/u/containers/main/0', 'out of paper');
    board.runtime.kill((await containersOf(board, 'p'))[0]?.id ?? '', 4);
    await board.pass(1000);
    expect(board.hub.status('p').containerStatuses?.[0]?.lastState?.terminated).toMatchObject({ exitCode: 4, message: 'out of paper' });
  });
});

describe('pods that end', () => {
  const exits = (code: number): Record<string, string> => ({ FAKE_EXIT_AFTER_MS: '1000', FAKE_EXIT_CODE: `${code}` });

  it('succeed or fail by their policy, and keep their containers', async () => {
    const board = await makeBoard();
    const pod = (name: string, restartPolicy: string, code: number): ReturnType<typeof makePod> =>
      makePod(name, {
        restartPolicy,
        containers: [makeContainer('main', exits(code))],
        initContainers: [makeContainer('side', {}, { restartPolicy: 'Always' })],
      });
    await board.hub.want([pod('ok', 'OnFailure', 0), pod('bad', 'Never', 7), pod('retry', 'OnFailure', 1)]);
    await board.pass(5000);
    expect(board.hub.status('ok')).toMatchObject({
      phase: 'Succeeded',
      conditions: [{}, { reason: 'PodCompleted' }, { status: 'False', reason: 'PodCompleted' }, {}],
    });
    expect(board.hub.status('bad')).toMatchObject({
      phase: 'Failed',
      containerStatuses: [{ state: { terminated: { exitCode: 7, reason: 'Error' } } }],
    });
    expect(board.hub.status('retry')).toMatchObject({ phase: 'Running' });
    expect((await containersOf(board, 'ok')).map(({ status }) => status)).toEqual(['exited', 'exited']);
    await board.kill();
    await board.boot();
    await board.pass(1000);
    expect(board.runtime.starts.get('default/ok/main')).toBe(1);
    expect(board.hub.status('ok').phase).toBe('Succeeded');
  });

  it('never run again after a reboot when their policy is Never', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('job', { restartPolicy: 'Never' })]);
    await board.pass(1000);
    await board.kill('power');
    await board.boot();
    await board.pass(1000);
    expect(board.hub.status('job').phase).toBe('Failed');
    expect(board.runtime.starts.get('default/job/main')).toBe(1);
  });

  it('fail at their deadline, whatever the wall clock does', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('late', { activeDeadlineSeconds: 60 })]);
    board.clock.jumpWall(10 * 365 * 86_400_000);
    await board.pass(50_000);
    expect(board.hub.status('late').phase).toBe('Running');
    await board.pass(15_000);
    expect(board.hub.status('late')).toMatchObject({
      phase: 'Failed',
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    });
    expect((await containersOf(board, 'late'))[0]?.status).toBe('exited');
  });
});

describe('deletion', () => {
  it('waits for the grace, tells of the end, and leaves nothing', async () => {
    const board = await makeBoard();
    const pod = makePod('p', { containers: [makeContainer('main', { FAKE_ON_TERM: 'ignore' })], volumes: [{ name: 'v', emptyDir: {} }] });
    await board.hub.want([pod]);
    await board.pass(1000);
    const going = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 } };
    await board.hub.want([going]);
    await board.pass(29_000);
    expect(board.hub.said('p')).toContain('Killing: Stopping container main');
    expect((await containersOf(board, 'p'))[0]?.status).toBe('running');
    await board.pass(3000);
    const report = [...board.hub.pods.values()].find(({ name }) => name === 'p');
    expect(report).toMatchObject({
      gone: true,
      status: { phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 137 } } }] },
    });
    expect(await board.runtime.list()).toEqual([]);
    expect(await board.files.list('/data/agent/pods')).toEqual([]);
    // Still in the manifest, and after a restart of the agent: it does not run again.
    await board.kill();
    await board.boot();
    await board.pass(2000);
    expect(await board.runtime.list()).toEqual([]);
    expect([...board.hub.pods.values()].find(({ name }) => name === 'p')).toMatchObject({ gone: true });
  });

  it('hurries when the grace gets shorter', async () => {
    const board = await makeBoard();
    const pod = makePod('p', { containers: [makeContainer('main', { FAKE_ON_TERM: 'ignore' })] });
    await board.hub.want([pod]);
    await board.pass(1000);
    const going = (deletionGracePeriodSeconds: number): typeof pod => ({
      ...pod,
      metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds },
    });
    await board.hub.want([going(300)]);
    await board.pass(1000);
    await board.hub.want([going(0)]);
    await board.pass(1000);
    expect(await board.runtime.list()).toEqual([]);
  });

  it('missed while offline is done on return, after a restart too', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('a'), makePod('b')]);
    await board.pass(1000);
    board.hub.cutOff();
    await board.hub.want([]);
    await board.pass(7 * 86_400_000);
    expect((await board.runtime.list()).length).toBe(2);
    await board.kill();
    await board.boot();
    await board.pass(60_000);
    expect((await board.runtime.list()).length).toBe(2);
    board.hub.comeBack();
    await board.pass(2000);
    expect(await board.runtime.list()).toEqual([]);
    expect([...board.hub.pods.values()].map(({ name, gone }) => [name, gone])).toEqual([
      ['a', true],
      ['b', true],
    ]);
  });

  it('comes to pods nobody knows, but not before a manifest was ever loaded', async () => {
    const board = await makeBoard();
    board.hub.cutOff();
    const stray = { ...makePod('stray').metadata };
    await board.runtime.setPodCidr('10.213.7.0/26');
    await board.runtime.createSandbox({ ...plainSandbox, name: 'stray', uid: stray.uid ?? '' });
    await board.pass(600_000);
    expect(await board.runtime.list()).toHaveLength(1);
    board.hub.comeBack();
    await board.hub.want([]);
    await board.pass(1000);
    expect(await board.runtime.list()).toEqual([]);
  });
});

describe('faults', () => {
  it('leave running containers alone when only the agent restarts', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('a'), makePod('b')]);
    await board.pass(2000);
    const before = [await containersOf(board, 'a'), await containersOf(board, 'b'), board.hub.status('a')];
    await board.kill();
    await board.boot();
    await board.pass(2000);
    expect([await containersOf(board, 'a'), await containersOf(board, 'b'), board.hub.status('a')]).toEqual(before);
    expect(board.runtime.starts.get('default/a/main')).toBe(1);
  });

  it('a container deleted while the agent was away is made anew, the others untouched', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('a'), makePod('b')]);
    await board.pass(2000);
    const [other, [victim]] = [await containersOf(board, 'b'), await containersOf(board, 'a')];
    await board.kill();
    await board.runtime.start();
    await board.runtime.removeContainer(victim?.id ?? '');
    await board.boot();
    await board.pass(2000);
    expect(await containersOf(board, 'b')).toEqual(other);
    expect(board.hub.status('a').containerStatuses?.[0]).toMatchObject({
      ready: true,
      restartCount: 1,
      lastState: { terminated: { reason: 'ContainerStatusUnknown', exitCode: 137 } },
    });
  });

  it('a container killed under a running agent comes back with restartCount 1', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('a')]);
    await board.pass(2000);
    board.runtime.kill((await containersOf(board, 'a'))[0]?.id ?? '');
    await board.pass(500);
    expect(board.hub.status('a').containerStatuses?.[0]).toMatchObject({
      ready: true,
      restartCount: 1,
      lastState: { terminated: { exitCode: 137, reason: 'Error' } },
    });
  });

  it('counts go on over a reboot with the hub unreachable', async () => {
    const board = await makeBoard();
    await board.hub.want([
      makePod('a', { initContainers: [makeContainer('init', { FAKE_EXIT_AFTER_MS: '10', FAKE_EXIT_CODE: '0' })] }),
      makePod('b'),
    ]);
    await board.pass(2000);
    const uids = (await board.runtime.list()).map(({ uid }) => uid).sort();
    for (let round = 1; round <= 3; round++) {
      board.hub.cutOff();
      await board.kill('power');
      await board.boot();
      await board.pass(1000);
      const list = await board.runtime.list();
      expect(list.map(({ uid }) => uid).sort()).toEqual(uids);
      expect(list.every(({ ready, containers }) => ready && containers.some(({ status }) => status === 'running'))).toBe(true);
      board.hub.comeBack();
      await board.pass(2000);
      expect(board.hub.status('a')).toMatchObject({
        phase: 'Running',
        initContainerStatuses: [{ restartCount: round }],
        containerStatuses: [{ ready: true, restartCount: round }],
      });
    }
  });

  it('what the runtime refuses for a while is done when it answers again', async () => {
    const board = await makeBoard();
    for (const method of ['createSandbox', 'createContainer', 'list'] as const)
      board.runtime.failNext(method, new Error('podman is not there'));
    await board.hub.want([makePod('a')]);
    await board.pass(60_000);
    expect(board.hub.status('a').phase).toBe('Running');
  });

  it('without a pod network the board says so, and goes on when there is one', async () => {
    const board = await makeBoard();
    board.runtime.failNext('setPodCidr', new Error('the subnet is in use'));
    await board.hub.want([makePod('a')]);
    await board.pass(5_000);
    const ready = () => (board.hub.node?.status as NodeStatus | undefined)?.conditions?.find(({ type }) => type === 'Ready');
    expect(ready()).toMatchObject({
      status: 'False',
      reason: 'KubeletNotReady',
      message: 'container runtime network not ready: the subnet is in use',
    });
    await board.pass(60_000);
    expect(ready()).toMatchObject({ status: 'True', reason: 'KubeletReady' });
    expect(board.hub.status('a').phase).toBe('Running');
  });

  it('a full disk does not keep pods from running on', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('a')]);
    await board.pass(2000);
    board.files.capacityBytes = 0;
    board.runtime.kill((await containersOf(board, 'a'))[0]?.id ?? '');
    await board.pass(1000);
    board.files.capacityBytes = Number.POSITIVE_INFINITY;
    await board.pass(60_000);
    expect(board.hub.status('a').containerStatuses?.[0]).toMatchObject({ ready: true, restartCount: 1 });
  });
});
