import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { expect, test } from 'vitest';
import type { ContainerState, SandboxState } from '#runtime/types.ts';
import { planPod } from './plan.ts';
import { containerMemory, newPodMemory } from './pod-memory.ts';
import { observe } from './pod-record.ts';
import { containerHash } from './pod-rules.ts';

const main = { name: 'main', image: 'app:1' };
const init = { name: 'init', image: 'app:1' };
const debug = { name: 'debug', image: 'app:1', targetContainerName: 'main' };

interface Scene {
  readonly spec?: Partial<NonNullable<Pod['spec']>>;
  /** What the runtime shows, and what the board knows from before. */
  readonly containers?: readonly ContainerState[];
  readonly known?: readonly ContainerState[];
  readonly finished?: boolean;
}

function one({ name, image }: { name: string; image: string }, status: ContainerState['status'], exitCode = 0): ContainerState {
  const times = { createdWallMs: 0, startedWallMs: 0, finishedWallMs: undefined };
  const hash = containerHash({ name, image });
  return { id: `${name}-0`, name, attempt: 0, hash, image, imageId: 'i', status, exitCode, oomKilled: false, ...times };
}

/** What is done for a pod with one ephemeral container. */
function did({ spec = {}, containers = [], known = [], finished = false }: Scene): string[] {
  const place = { namespace: 'd', name: 'p', uid: 'u' };
  const sandbox: SandboxState = { ...place, id: 's', ready: true, ip: '10.0.0.2', createdWallMs: 0, containers };
  const memory = newPodMemory(0);
  memory.volumes = { version: '1', refreshAtMs: undefined };
  for (const { name } of [main, init, debug]) containerMemory(memory, name).image = { state: 'ready', id: 'i', user: '' };
  const empty = { ...place, startWallMs: 0, graceSeconds: 30, containers: {} };
  const before = known.length > 0 ? observe(empty, [{ ...sandbox, containers: known }]) : empty;
  const record = { ...observe(before, [sandbox]), ...(finished ? { terminal: { phase: 'Succeeded' as const } } : {}) };
  const pod: Pod = { metadata: { ...place }, spec: { containers: [main], ephemeralContainers: [debug], ...spec } };
  const plan = planPod({ nowMs: 1000, pod, removal: undefined, sandboxes: [sandbox], record, memory, volumesVersion: '1' });
  return plan.steps.map((step) => `${step.do} ${'container' in step ? step.container : 'id' in step ? step.id : ''}`.trim());
}

test('it is started beside what runs, also while the pod is not initialized', () => {
  expect(did({ containers: [one(main, 'running')] })).toEqual(['startContainer debug']);
  expect(did({ spec: { initContainers: [init] }, containers: [one(init, 'running')] })).toEqual(['startContainer debug']);
  expect(did({ containers: [one(main, 'running'), one(debug, 'running')] })).toEqual([]);
});

test('it is started once, whatever came of it and whatever the restart policy says', () => {
  expect(did({ containers: [one(main, 'running'), one(debug, 'exited', 1)] })).toEqual([]);
  expect(did({ containers: [one(main, 'running')], known: [one(main, 'running'), one(debug, 'running')] })).toEqual([]);
});

test('what was made and never started is made anew', () => {
  expect(did({ containers: [one(main, 'running'), one(debug, 'created')] })).toEqual(['removeContainer debug-0']);
});

test('the pod ends without it, and takes it along', () => {
  const ended = [one(main, 'exited'), one(debug, 'running')];
  expect(did({ spec: { restartPolicy: 'Never' }, containers: ended })).toEqual(['finish']);
  expect(did({ spec: { restartPolicy: 'Never' }, containers: ended, finished: true })).toEqual(['stopContainer debug']);
});
