import type { EphemeralContainer, PodSpec } from '@flotilla/shared/api/generated/types.js';
import { describeFieldError } from '@flotilla/shared/errors/field.js';
import { expect, test } from 'vitest';
import { pods } from '#registry/core/pod.ts';
import { validateEphemeralContainers, validateEphemeralContainersKept } from './ephemeral-containers.ts';

const one = (more: object = {}): EphemeralContainer => ({
  name: 'debugger',
  image: 'busybox',
  imagePullPolicy: 'Always',
  terminationMessagePolicy: 'File',
  ...more,
});
const spec = (...ephemeralContainers: EphemeralContainer[]): PodSpec => ({ containers: [{ name: 'c', image: 'i' }], ephemeralContainers });
const told = (...containers: EphemeralContainer[]): string[] =>
  validateEphemeralContainers(spec(...containers), 'spec.ephemeralContainers').map(describeFieldError);

test('what a debugger needs is allowed, and what a pod would count on is not', () => {
  expect(told(one({ stdin: true, tty: true, targetContainerName: 'c', resources: {}, ports: [] }))).toEqual([]);
  expect(told(one({ ports: [{ containerPort: 1, protocol: 'TCP' }], readinessProbe: {} }))).toEqual([
    'spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container',
  ]);
  expect(told(one({ targetContainerName: 'debugger' }), one())).toEqual([
    'spec.ephemeralContainers[0].targetContainerName: Not found: "debugger"',
    'spec.ephemeralContainers[1].name: Duplicate value: "debugger"',
  ]);
});

test('they come and stay as they came', () => {
  const kept = (now: PodSpec): string[] => validateEphemeralContainersKept(now, spec(one())).map(describeFieldError);
  expect(kept(spec(one({ name: 'other' }), one()))).toEqual([]);
  expect(kept(spec())).toEqual(['spec.ephemeralContainers: Forbidden: existing ephemeral containers "debugger" may not be removed\n']);
  expect(kept(spec(one({ tty: true, image: 'x' })))).toEqual([
    'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debugger" may not be changed\n  image differs\n  tty differs',
  ]);
});

test('of what is sent to the subresource nothing else is taken', () => {
  const subresource = pods.subresources?.find(({ name }) => name === 'ephemeralcontainers');
  const old = { metadata: { name: 'p', generation: 4 }, spec: spec(), status: { phase: 'Running' } };
  const sent = { metadata: { name: 'p', labels: { a: 'b' } }, spec: { ...spec(one()), nodeName: 'n' }, status: { phase: 'Failed' } };
  subresource?.strategy?.prepareForUpdate?.(sent, old, '');
  expect(sent).toEqual({
    metadata: { name: 'p', generation: 5 },
    spec: { containers: [{ name: 'c', image: 'i' }], ephemeralContainers: [one()] },
    status: { phase: 'Running' },
  });
});
