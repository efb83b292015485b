import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeListeners } from '@flotilla/shared/platform/fake-listeners.js';
import { expect, test } from 'vitest';
import { ApiDoor } from '#network/api-door.ts';
import { apiEnvironment, apiPlace } from './api-place.ts';
import { buildSandboxSpec } from './container-spec.ts';
import { buildEnvironment } from './environment.ts';
import type { PodDoors } from './pod-doors.ts';

const api = new ApiDoor({ clock: new FakeClock(), logger: silentLogger, listeners: new FakeListeners() });
const spec = { podCIDR: '100.64.3.64/26' } as PodDoors['spec'];
const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { containers: [] } };

test('a pod finds the API at its network’s own address, under a name in its hosts file', () => {
  const place = apiPlace({ api, spec }, pod);
  expect(place?.address).toBe('100.64.3.65');
  expect(
    buildSandboxSpec({ ...pod, spec: { containers: [], hostAliases: [{ ip: '10.0.0.1', hostnames: ['a'] }] } }, place).hostAliases,
  ).toEqual([
    { ip: '100.64.3.65', hostnames: ['kubernetes.default.svc'] },
    { ip: '10.0.0.1', hostnames: ['a'] },
  ]);
  expect(apiPlace({ api, spec }, { ...pod, spec: { containers: [], hostNetwork: true } })?.address).toBe('127.0.0.1');
});

test('a board without a way to it, or without a network yet, says nothing', () => {
  expect(apiPlace({ spec }, pod)).toBeUndefined();
  expect(apiPlace({ api, spec: {} as PodDoors['spec'] }, pod)).toBeUndefined();
  expect(apiEnvironment(undefined)).toEqual({});
  expect(buildSandboxSpec(pod, undefined).hostAliases).toEqual([]);
});

test('the environment says where, unless the pod says otherwise', () => {
  const env = [
    { name: 'URL', value: 'https://$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT)' },
    { name: 'KUBERNETES_SERVICE_PORT', value: '1' },
  ];
  const context = { pod, podIPs: [], hostIPs: [], nodeName: 'pi', allocatable: {} };
  const told = apiEnvironment(apiPlace({ api, spec }, pod));
  expect(buildEnvironment({ name: 'main', env }, context, { configMap: () => undefined, secret: () => undefined } as never, told)).toEqual({
    KUBERNETES_SERVICE_HOST: 'kubernetes.default.svc',
    KUBERNETES_SERVICE_PORT: '1',
    KUBERNETES_SERVICE_PORT_HTTPS: '16443',
    URL: 'https://kubernetes.default.svc:16443',
  });
});
