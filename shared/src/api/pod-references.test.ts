import { expect, test } from 'vitest';
import { podReferences } from './pod-references.ts';

test('finds everything a pod refers to, and nothing twice', () => {
  const references = podReferences({
    spec: {
      serviceAccountName: 'robot',
      imagePullSecrets: [{ name: 'pull' }],
      initContainers: [{ envFrom: [{ configMapRef: { name: 'c-init' } }, { secretRef: { name: 's-init' } }] }],
      containers: [
        { env: [{ valueFrom: { configMapKeyRef: { name: 'c-env' } } }, { valueFrom: { secretKeyRef: { name: 's-env' } } }, {}] },
        { env: [{ valueFrom: { configMapKeyRef: { name: 'c-env' } } }] },
      ],
      volumes: [
        { configMap: { name: 'c-vol' } },
        { secret: { secretName: 's-vol' } },
        { projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }, { secret: { name: 's-proj' } }, {}] } },
        {},
      ],
    },
  });
  expect(references.configMaps.toSorted()).toEqual(['c-env', 'c-init', 'c-vol', 'kube-root-ca.crt']);
  expect(references.secrets.toSorted()).toEqual(['pull', 's-env', 's-init', 's-proj', 's-vol']);
  expect(references.serviceAccount).toBe('robot');
  expect(podReferences({ spec: {} })).toEqual({ configMaps: [], secrets: [], serviceAccount: 'default' });
});
