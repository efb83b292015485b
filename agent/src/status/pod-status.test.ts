import type { Container, Pod } from '@flotilla/shared/api/generated/types.js';
import { describe, expect, it } from 'vitest';
import type { PodSnapshot } from '#pods/pod-doors.ts';
import { containerMemory, newPodMemory } from '#pods/pod-memory.ts';
import { observe, type PodRecord } from '#pods/pod-record.ts';
import type { ContainerState, SandboxState } from '#runtime/types.ts';
import { podStatus } from './pod-status.ts';

const second = (n: number): number => Date.UTC(2026, 0, 1, 0, 0, n);
const app = (name: string): Container => ({ name, image: 'app:1' });

function one(name: string, status: ContainerState['status'], more: Partial<ContainerState> = {}): ContainerState {
  const base = {
    attempt: 0,
    hash: 'h',
    image: 'sha256:1',
    imageId: 'sha256:1',
    createdWallMs: second(1),
    oomKilled: false,
    exitCode: undefined,
    finishedWallMs: undefined,
  };
  return {
    ...base,
    id: `${name}-id`,
    name,
    status,
    startedWallMs: second(2),
    ...(status === 'exited' ? { exitCode: 0, finishedWallMs: second(9) } : {}),
    ...more,
  };
}

interface Scene {
  readonly spec?: Partial<NonNullable<Pod['spec']>>;
  readonly containers?: readonly ContainerState[] | undefined;
  readonly record?: Partial<PodRecord>;
  readonly waiting?: { readonly reason: string; readonly message: string };
  readonly removing?: boolean;
}

function status({ spec = {}, containers, record = {}, waiting, removing = false }: Scene): ReturnType<typeof podStatus> {
  const sandbox: SandboxState = {
    id: 's',
    namespace: 'n',
    name: 'p',
    uid: 'u',
    ready: true,
    ip: '10.0.0.2',
    createdWallMs: second(1),
    containers: containers ?? [],
  };
  const sandboxes = containers ? [sandbox] : [];
  const memory = newPodMemory(0);
  if (waiting) containerMemory(memory, 'a').waiting = waiting;
  const snapshot: PodSnapshot = {
    ...{ uid: 'u', memory, sandboxes, removing },
    pod: { metadata: { name: 'p' }, spec: { containers: [app('a'), app('b')], ...spec } },
    record: observe(
      { namespace: 'n', name: 'p', uid: 'u', startWallMs: second(0), graceSeconds: 30, containers: {}, ...record },
      sandboxes,
    ),
  };
  return podStatus(snapshot, { runtimeName: 'podman', hostIPs: ['192.0.2.1'], correct: (wallMs) => wallMs });
}

const condition = (of: ReturnType<typeof podStatus>, type: string): object => of.conditions?.find((one) => one.type === type) ?? {};

describe('pod status', () => {
  it('of a pod that was just seen', () => {
    expect(status({})).toMatchObject({
      phase: 'Pending',
      startTime: '2026-01-01T00:00:00Z',
      containerStatuses: [
        {
          name: 'a',
          ready: false,
          started: false,
          restartCount: 0,
          image: 'app:1',
          imageID: '',
          lastState: {},
          state: { waiting: { reason: 'ContainerCreating' } },
        },
        {},
      ],
      conditions: [
        { type: 'PodReadyToStartContainers', status: 'False' },
        { type: 'Initialized', status: 'True' },
        { type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status: [a b]' },
        { type: 'ContainersReady', status: 'False' },
      ],
    });
    expect(status({})).not.toHaveProperty('podIP');
  });

  it('tells of ephemeral containers, and nothing about the pod changes with them', () => {
    const runs = [one('a', 'running'), one('b', 'running')];
    const spec = { ephemeralContainers: [app('debug')] };
    const [plain, before, during, after] = [
      status({ containers: runs }),
      status({ spec, containers: runs }),
      status({ spec, containers: [...runs, one('debug', 'running')] }),
      status({ spec, containers: [...runs, one('debug', 'exited', { exitCode: 3 })] }),
    ];
    for (const { ephemeralContainerStatuses: _own, ...rest } of [before, during, after]) expect(rest).toEqual(plain);
    expect(before.ephemeralContainerStatuses).toMatchObject([{ name: 'debug', state: { waiting: { reason: 'ContainerCreating' } } }]);
    expect(during.ephemeralContainerStatuses).toEqual([
      {
        name: 'debug',
        state: { running: { startedAt: '2026-01-01T00:00:02Z' } },
        lastState: {},
        ready: false,
        restartCount: 0,
        image: 'app:1',
        imageID: 'sha256:1',
        containerID: 'podman://debug-id',
      },
    ]);
    expect(after.ephemeralContainerStatuses).toMatchObject([{ ready: false, state: { terminated: { exitCode: 3, reason: 'Error' } } }]);
  });

  it('of one that half runs, half waits', () => {
    const half = status({ containers: [one('b', 'running')], waiting: { reason: 'ImagePullBackOff', message: 'Back-off' } });
    expect(half).toMatchObject({ phase: 'Running', podIP: '10.0.0.2', podIPs: [{ ip: '10.0.0.2' }], hostIPs: [{ ip: '192.0.2.1' }] });
    expect(half.containerStatuses?.[0]?.state).toEqual({ waiting: { reason: 'ImagePullBackOff', message: 'Back-off' } });
    expect(half.containerStatuses?.[1]).toMatchObject({
      ready: true,
      containerID: 'podman://b-id',
      imageID: 'sha256:1',
      state: { running: { startedAt: '2026-01-01T00:00:02Z' } },
    });
  });

  it('takes transition times from what they tell of', () => {
    const all = status({ containers: [one('a', 'running', { startedWallMs: second(5) }), one('b', 'running')] });
    expect(condition(all, 'Ready')).toEqual({ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:05Z' });
    expect(condition(all, 'PodReadyToStartContainers')).toMatchObject({ status: 'True', lastTransitionTime: '2026-01-01T00:00:01Z' });
  });

  it('of one that was killed for memory and waits for its next start', () => {
    const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 10s' };
    const killed = status({
      containers: [one('a', 'exited', { exitCode: 137, oomKilled: true, attempt: 3 }), one('b', 'running')],
      waiting,
    });
    expect(killed.containerStatuses?.[0]).toMatchObject({
      restartCount: 3,
      state: { waiting },
      lastState: {
        terminated: {
          exitCode: 137,
          reason: 'OOMKilled',
          startedAt: '2026-01-01T00:00:02Z',
          finishedAt: '2026-01-01T00:00:09Z',
          containerID: 'podman://a-id',
        },
      },
    });
    expect(killed.phase).toBe('Running');
  });

  it('of one that is done', () => {
    const done = status({
      spec: { restartPolicy: 'Never' },
      containers: [one('a', 'exited'), one('b', 'exited')],
      record: { terminal: { phase: 'Succeeded' } },
    });
    expect(done.phase).toBe('Succeeded');
    expect(done.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
    for (const type of ['Initialized', 'Ready', 'ContainersReady']) expect(condition(done, type)).toMatchObject({ reason: 'PodCompleted' });
    const failed = status({
      containers: [one('a', 'exited', { exitCode: 1 }), one('b', 'exited')],
      record: { terminal: { phase: 'Failed' } },
    });
    expect(condition(failed, 'Ready')).toMatchObject({ status: 'False', reason: 'PodFailed' });
  });

  it('of one past its deadline while it still runs', () => {
    const record = { terminal: { phase: 'Failed' as const, reason: 'DeadlineExceeded', message: 'm' } };
    expect(status({ containers: [one('a', 'running'), one('b', 'running')], record })).toMatchObject({
      phase: 'Failed',
      reason: 'DeadlineExceeded',
      message: 'm',
    });
  });

  it('of one whose init containers are at it', () => {
    const begun = status({ spec: { initContainers: [app('i')] }, containers: [one('i', 'running')] });
    expect(begun).toMatchObject({
      phase: 'Pending',
      initContainerStatuses: [{ ready: false, state: { running: {} } }],
      containerStatuses: [{ state: { waiting: { reason: 'PodInitializing' } } }, {}],
    });
    expect(condition(begun, 'Initialized')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotInitialized',
      message: 'containers with incomplete status: [i]',
    });
  });

  it('says the address of the host for a pod on its network', () => {
    expect(status({ spec: { hostNetwork: true }, containers: [] }).podIP).toBe('192.0.2.1');
  });
});
