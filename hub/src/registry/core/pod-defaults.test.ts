import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { expect, it } from 'vitest';
import { clone } from '#registry/generic/json.ts';
import { pods } from './pod.ts';

function defaulted(spec: Pod['spec']): Pod['spec'] {
  const pod: Pod = { metadata: { name: 'a' }, ...(spec ? { spec: clone(spec) } : {}) };
  pods.strategy.default?.(pod);
  return pod.spec;
}

it('fills in what Kubernetes fills in', () => {
  expect(defaulted({ containers: [{ name: 'c', image: 'busybox' }] })).toEqual({
    containers: [
      {
        name: 'c',
        image: 'busybox',
        imagePullPolicy: 'Always',
        resources: {},
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
      },
    ],
    dnsPolicy: 'ClusterFirst',
    enableServiceLinks: true,
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
  });
});

it.each([
  ['busybox', 'Always'],
  ['busybox:latest', 'Always'],
  ['busybox:1', 'IfNotPresent'],
  ['registry:5000/busybox', 'Always'],
  ['registry:5000/busybox:1', 'IfNotPresent'],
  ['busybox@sha256:0000000000000000000000000000000000000000000000000000000000000000', 'IfNotPresent'],
])('pulls %s %s', (image, policy) => {
  expect(defaulted({ containers: [{ name: 'c', image }] })?.containers[0]?.imagePullPolicy).toBe(policy);
});

it('takes limits for requests, completes probes, volumes, ports, and shows both names of the account', () => {
  const spec = defaulted({
    serviceAccountName: 'me',
    hostNetwork: true,
    volumes: [
      { name: 'e' },
      { name: 's', secret: { secretName: 's' } },
      { name: 'h', hostPath: { path: '/' } },
      { name: 'p', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
    ],
    containers: [
      {
        name: 'c',
        image: 'x:1',
        ports: [{ containerPort: 80 }],
        resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } },
        livenessProbe: { httpGet: { port: 80 } },
        env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      },
    ],
  });
  expect(spec).toMatchObject({
    serviceAccount: 'me',
    volumes: [
      { emptyDir: {} },
      { secret: { defaultMode: 420 } },
      { hostPath: { type: '' } },
      { projected: { defaultMode: 420, sources: [{ serviceAccountToken: { expirationSeconds: 3600 } }] } },
    ],
    containers: [
      {
        ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }],
        resources: { requests: { cpu: '500m', memory: '1Gi' } },
        livenessProbe: {
          httpGet: { path: '/', scheme: 'HTTP' },
          timeoutSeconds: 1,
          periodSeconds: 10,
          successThreshold: 1,
          failureThreshold: 3,
        },
        env: [{ valueFrom: { fieldRef: { apiVersion: 'v1' } } }],
      },
    ],
  });
});

it('changes nothing the second time', () => {
  const once = defaulted({ containers: [{ name: 'c', image: 'x', resources: { limits: { cpu: '1' } } }], volumes: [{ name: 'e' }] });
  expect(defaulted(once)).toEqual(once);
});
