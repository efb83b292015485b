import type { Container, Pod } from '@flotilla/shared/api/generated/types.js';
import { describe, expect, it } from 'vitest';
import type { ContainerState, SandboxState } from '#runtime/types.ts';
import { type PlanInput, planPod } from './plan.ts';
import type { Plan } from './plan-steps.ts';
import { type ContainerMemory, containerMemory, newPodMemory, type PodMemory } from './pod-memory.ts';
import { observe, type PodRecord } from './pod-record.ts';
import { containerHash } from './pod-rules.ts';

const main: Container = { name: 'main', image: 'app:1' };
const init: Container = { name: 'init', image: 'app:1' };
const side: Container = { name: 'side', image: 'app:1', restartPolicy: 'Always' };
const ready = { state: 'ready', id: 'sha256:1', user: '' } as const;

interface Scene {
  readonly spec?: Partial<NonNullable<Pod['spec']>>;
  readonly sandbox?: readonly ContainerState[] | 'lost' | 'none';
  readonly record?: Partial<PodRecord>;
  readonly memory?: (memory: PodMemory) => void;
  readonly image?: ContainerMemory['image'];
  readonly removal?: PlanInput['removal'];
  readonly nowMs?: number;
}

function one(container: Container, status: ContainerState['status'], more: Partial<ContainerState> = {}): ContainerState {
  const base = {
    image: 'app:1',
    imageId: 'sha256:1',
    createdWallMs: 0,
    startedWallMs: 0,
    finishedWallMs: undefined,
    oomKilled: false,
    attempt: 0,
  };
  return {
    ...base,
    id: `${container.name}-${more.attempt ?? 0}`,
    name: container.name,
    hash: containerHash(container),
    status,
    exitCode: status === 'exited' ? 0 : undefined,
    ...more,
  };
}

function plan(scene: Scene): Plan {
  const containers = Array.isArray(scene.sandbox) ? (scene.sandbox as ContainerState[]) : [];
  const sandbox: SandboxState = {
    id: 's',
    namespace: 'd',
    name: 'p',
    uid: 'u',
    ready: scene.sandbox !== 'lost',
    ip: '10.0.0.2',
    createdWallMs: 0,
    containers,
  };
  const sandboxes = scene.sandbox === 'none' ? [] : [sandbox];
  const memory = newPodMemory(0);
  memory.volumes = { version: '1', refreshAtMs: undefined };
  for (const container of [main, init, side]) containerMemory(memory, container.name).image = 'image' in scene ? scene.image : ready;
  const record = observe(
    { namespace: 'd', name: 'p', uid: 'u', startWallMs: 0, graceSeconds: 30, containers: {}, ...scene.record },
    sandboxes,
  );
  for (const [name, { attempt, ended }] of Object.entries(record.containers))
    if (ended) containerMemory(memory, name).endSeen = { attempt, atMs: 1000 };
  scene.memory?.(memory);
  const pod: Pod = { metadata: { name: 'p', namespace: 'd', uid: 'u' }, spec: { containers: [main], ...scene.spec } };
  return planPod({ nowMs: scene.nowMs ?? 1000, pod, removal: scene.removal, sandboxes, record, memory, volumesVersion: '1' });
}

const did = (scene: Scene): string[] =>
  plan(scene).steps.map((step) =>
    [step.do, 'container' in step ? step.container : '', 'attempt' in step ? step.attempt : ''].filter((part) => part !== '').join(' '),
  );

describe('a pod that is new here', () => {
  const fresh = (volumesComplete: boolean, spec: Partial<NonNullable<Pod['spec']>> = {}, memory = newPodMemory(0)): Plan['steps'] => {
    const pod: Pod = { metadata: { name: 'p', namespace: 'd', uid: 'u' }, spec: { containers: [main, side], ...spec } };
    const record = { namespace: 'd', name: 'p', uid: 'u', startWallMs: 0, graceSeconds: 30, containers: {} };
    return planPod({ nowMs: 1000, pod, removal: undefined, sandboxes: [], record, memory, volumesVersion: '1', volumesComplete }).steps;
  };
  const images = (...names: readonly string[]) => names.map((container) => ({ do: 'ensureImage', container }));

  it('has volumes, sandbox and images seen to side by side', () => {
    expect(fresh(true)).toEqual([{ do: 'together', steps: [{ do: 'mountVolumes' }, { do: 'createSandbox' }, ...images('main', 'side')] }]);
    const [together] = fresh(true, { initContainers: [init] });
    expect(together).toMatchObject({ steps: [{ do: 'mountVolumes' }, { do: 'createSandbox' }, ...images('init')] });
  });

  it('gets no sandbox while its volumes lack something, or could not be made', () => {
    expect(fresh(false)).toEqual([{ do: 'mountVolumes' }]);
    const memory = newPodMemory(0);
    memory.volumesRetry = { failures: 1, atMs: 500 };
    expect(fresh(true, {}, memory)).toEqual([{ do: 'mountVolumes' }]);
  });
});

describe('the record of a container', () => {
  const seen = (record: PodRecord, startedWallMs: number): PodRecord => {
    const containers = [one(main, 'running', { startedWallMs })];
    const base = { id: 's', namespace: 'd', name: 'p', uid: 'u', ready: true, ip: undefined, createdWallMs: 0 };
    return observe(record, [{ ...base, containers }]);
  };
  const first = seen({ namespace: 'd', name: 'p', uid: 'u', startWallMs: 0, graceSeconds: 30, containers: {} }, 5_432);

  it('does not change for a runtime that knows the same start in seconds', () => {
    expect(seen(first, 5_000)).toBe(first);
    expect(seen(first, 6_000).containers['main']?.startedWallMs).toBe(6_000);
    expect(seen(first, 5_433).containers['main']?.startedWallMs).toBe(5_433);
  });
});

describe('a plan', () => {
  const exited = (code: number, attempt = 0): ContainerState => one(main, 'exited', { exitCode: code, attempt });
  const cases: readonly (readonly [string, Scene, readonly string[]])[] = [
    ['a new pod: volumes first', { sandbox: 'none', memory: (memory) => (memory.volumes = undefined) }, ['mountVolumes']],
    ['then its sandbox', { sandbox: 'none' }, ['createSandbox']],
    ['then the image', { sandbox: [], image: undefined }, ['ensureImage main']],
    ['then the container', { sandbox: [] }, ['startContainer main 0']],
    ['an image being pulled: wait', { sandbox: [], image: { state: 'pulling', cancel: new AbortController() } }, []],
    ['an image that failed: wait', { sandbox: [], image: { state: 'failed', failedAtMs: 0, retryAtMs: 9000, noted: true } }, []],
    [
      '… show it after a while',
      { sandbox: [], nowMs: 2500, image: { state: 'failed', failedAtMs: 0, retryAtMs: 9000, noted: false } },
      ['noteImageBackOff main'],
    ],
    [
      '… and try again',
      { sandbox: [], nowMs: 9000, image: { state: 'failed', failedAtMs: 0, retryAtMs: 9000, noted: true } },
      ['ensureImage main'],
    ],
    ['running: nothing', { sandbox: [one(main, 'running')] }, []],
    ['created, never started: the same attempt', { sandbox: [one(main, 'created', { attempt: 0 })] }, ['startContainer main 0']],
    ['exited under Always: again', { sandbox: [exited(0)] }, ['startContainer main 1']],
    ['exited cleanly under OnFailure: done', { sandbox: [exited(0)], spec: { restartPolicy: 'OnFailure' } }, ['finish']],
    ['failed under OnFailure: again', { sandbox: [exited(1)], spec: { restartPolicy: 'OnFailure' } }, ['startContainer main 1']],
    ['failed under Never: done', { sandbox: [exited(1)], spec: { restartPolicy: 'Never' } }, ['finish']],
    ['two behind: the oldest goes', { sandbox: [exited(1, 0), exited(1, 1), one(main, 'running', { attempt: 2 })] }, ['removeContainer']],
    ['another image: stop', { sandbox: [one(main, 'running', { hash: 'old' })] }, ['stopContainer main']],
    [
      'another image not here yet: get it first',
      { sandbox: [one(main, 'running', { hash: 'old' })], image: undefined },
      ['ensureImage main'],
    ],
    ['sandbox lost: removed first', { sandbox: 'lost' }, ['removeSandbox']],
    [
      'sandbox lost under Never after it had begun: failed',
      {
        sandbox: 'lost',
        spec: { restartPolicy: 'Never' },
        record: { containers: { main: { attempt: 0, id: 'x', image: '', imageId: '' } } },
      },
      ['finish'],
    ],
    [
      'vanished: the next attempt',
      { sandbox: [], record: { containers: { main: { attempt: 4, id: 'x', image: '', imageId: '' } } } },
      ['startContainer main 5'],
    ],
    ['init containers before the others', { sandbox: [], spec: { initContainers: [init] } }, ['startContainer init 0']],
    ['… wait for them', { sandbox: [one(init, 'running')], spec: { initContainers: [init] } }, []],
    ['… and go on when they are done', { sandbox: [one(init, 'exited')], spec: { initContainers: [init] } }, ['startContainer main 0']],
    [
      '… again when they failed',
      { sandbox: [one(init, 'exited', { exitCode: 1 })], spec: { initContainers: [init] } },
      ['startContainer init 1'],
    ],
    [
      '… failed for good under Never',
      { sandbox: [one(init, 'exited', { exitCode: 1 })], spec: { initContainers: [init], restartPolicy: 'Never' } },
      ['finish'],
    ],
    ['… not again once the others began', { sandbox: [one(main, 'running')], spec: { initContainers: [init] } }, []],
    ['a sidecar first', { sandbox: [], spec: { initContainers: [side] } }, ['startContainer side 0']],
    ['… then the others', { sandbox: [one(side, 'running')], spec: { initContainers: [side] } }, ['startContainer main 0']],
    [
      '… again when it ends, whatever the policy',
      { sandbox: [one(side, 'exited'), one(main, 'running')], spec: { initContainers: [side], restartPolicy: 'Never' } },
      ['startContainer side 1'],
    ],
    [
      '… stopped when the others are done',
      { sandbox: [one(side, 'running'), exited(0)], spec: { initContainers: [side], restartPolicy: 'Never' } },
      ['stopContainer side'],
    ],
    ['removal: stop what runs', { sandbox: [one(main, 'running')], removal: { deadlineMs: 31_000 } }, ['stopContainer main']],
    [
      '… sidecars last',
      { sandbox: [one(main, 'running'), one(side, 'running')], spec: { initContainers: [side] }, removal: { deadlineMs: 31_000 } },
      ['stopContainer main'],
    ],
    ['… note how it ended', { sandbox: [exited(0)], removal: { deadlineMs: 31_000 } }, ['finish']],
    [
      '… then nothing is left',
      { sandbox: [exited(0)], record: { terminal: { phase: 'Succeeded' } }, removal: { deadlineMs: 31_000 } },
      ['removeSandbox', 'bury'],
    ],
    ['past its deadline', { sandbox: [one(main, 'running')], spec: { activeDeadlineSeconds: 1 }, nowMs: 1000 }, ['finish']],
    ['ended for good: nothing, the containers stay', { sandbox: [exited(1)], record: { terminal: { phase: 'Failed' } } }, []],
    [
      'ended for good with one running: stop it',
      { sandbox: [one(main, 'running')], record: { terminal: { phase: 'Failed', reason: 'DeadlineExceeded' } } },
      ['stopContainer main'],
    ],
  ];
  it.each(cases)('%s', (_, scene, steps) => {
    expect(did(scene)).toEqual(steps);
  });

  it('waits out the back-off and says when', () => {
    const scene: Scene = {
      sandbox: [exited(1)],
      memory: (memory) => {
        containerMemory(memory, 'main').backOff = { delayMs: 20_000, sinceMs: 500 };
      },
    };
    expect(plan(scene)).toEqual({ steps: [{ do: 'noteBackOff', container: 'main', delayMs: 20_000 }], wakeAtMs: 21_000 });
    expect(did({ ...scene, nowMs: 21_000 })).toEqual(['startContainer main 1']);
  });

  it('forgets the back-off after ten minutes up', () => {
    const memory = (longMs: number) => (all: PodMemory) => {
      containerMemory(all, 'main').backOff = { delayMs: 300_000, sinceMs: 1000 - longMs };
    };
    expect(did({ sandbox: [exited(1)], memory: memory(600_001) })).toEqual(['startContainer main 1']);
    expect(did({ sandbox: [exited(1)], memory: memory(600_000) })).toEqual(['noteBackOff main']);
  });

  it('stops once, and again only for a shorter grace', () => {
    const stopping = (deadlineMs: number): Scene => ({
      sandbox: [one(main, 'running')],
      removal: { deadlineMs: 31_000 },
      memory: (memory) => {
        containerMemory(memory, 'main').stopping = { id: 'main-0', deadlineMs };
      },
    });
    expect(plan(stopping(31_000)).steps).toEqual([]);
    // The grace that was asked for was rounded up to whole seconds.
    expect(plan(stopping(31_999)).steps).toEqual([]);
    expect(plan({ ...stopping(60_000), nowMs: 60_500 }).steps).toEqual([]);
    expect(plan(stopping(91_000)).steps).toEqual([
      { do: 'stopContainer', container: 'main', id: 'main-0', graceSeconds: 30, message: 'Stopping container main' },
    ]);
  });
});
