import type { NodeOperation } from '@flotilla/shared/api/fleet/node-operation.js';
import { describeFieldError } from '@flotilla/shared/errors/field.js';
import { describe, expect, it } from 'vitest';
import { nodeOperations } from './node-operation.ts';

const { strategy } = nodeOperations;
const metadata = { name: 'op', creationTimestamp: '2026-01-01T00:00:00Z' };
const reboot: NodeOperation['spec'] = { nodeName: 'pi', action: 'Reboot' };
const restart: NodeOperation['spec'] = { nodeName: 'pi', action: 'RestartPod', pod: { namespace: 'site', name: 'web' } };
const validate = (spec: unknown) => strategy.validate({ metadata, spec } as NodeOperation).map(describeFieldError);
const change = (old: NodeOperation['spec'], spec: unknown) =>
  strategy.validateUpdate({ metadata, spec } as NodeOperation, { metadata, spec: old }).map(describeFieldError);

describe('a NodeOperation', () => {
  it('is refused with the path of what is wrong', () => {
    expect(validate(reboot)).toEqual([]);
    expect(validate(restart)).toEqual([]);
    expect(validate(undefined)).toEqual(['spec: Required value']);
    expect(validate({})).toEqual(['spec.nodeName: Required value', 'spec.action: Required value']);
    expect(validate({ ...reboot, action: 'Explode' })).toEqual([
      'spec.action: Unsupported value: "Explode": supported values: "Reboot", "RestartPod", "CollectDiagnostics"',
    ]);
    expect(validate({ ...reboot, nodeName: 'Pi' })[0]).toMatch(/^spec\.nodeName: Invalid value: "Pi": a lowercase RFC 1123 subdomain/);
    expect(validate({ ...reboot, pod: restart.pod })).toEqual(['spec.pod: Forbidden: may only be specified when `action` is RestartPod']);
    expect(validate({ ...restart, pod: undefined })).toEqual(['spec.pod: Required value: must be specified when `action` is RestartPod']);
    expect(validate({ ...restart, pod: {} })).toEqual(['spec.pod.namespace: Required value', 'spec.pod.name: Required value']);
  });

  it('waits and is kept for a time within bounds', () => {
    for (const ttlSeconds of [1, 2_592_000]) expect(validate({ ...reboot, ttlSeconds })).toEqual([]);
    for (const ttlSeconds of [0, 2_592_001]) {
      expect(validate({ ...reboot, ttlSeconds })).toEqual([
        `spec.ttlSeconds: Invalid value: ${ttlSeconds}: must be between 1 and 2592000, inclusive`,
      ]);
    }
    for (const ttlSecondsAfterFinished of [0, 31_536_000]) expect(validate({ ...reboot, ttlSecondsAfterFinished })).toEqual([]);
    for (const ttlSecondsAfterFinished of [-1, 31_536_001])
      expect(validate({ ...reboot, ttlSecondsAfterFinished })[0]).toMatch(
        /^spec\.ttlSecondsAfterFinished: Invalid value: -?\d+: must be between 0/,
      );
    const filled: NodeOperation = { metadata, spec: { ...reboot } };
    strategy.default?.(filled);
    expect(filled.spec).toMatchObject({ ttlSeconds: 86_400, ttlSecondsAfterFinished: 604_800 });
  });

  it('stays what it is, but can be withdrawn, for good', () => {
    expect(change(reboot, { ...reboot, cancel: true })).toEqual([]);
    expect(change({ ...reboot, cancel: true }, reboot)).toEqual(['spec.cancel: Forbidden: may not be taken back once it is set']);
    expect(change(reboot, { ...reboot, nodeName: 'other' })).toEqual(['spec.nodeName: Invalid value: "other": field is immutable']);
    expect(change({ ...reboot, ttlSeconds: 5 }, { ...reboot, ttlSeconds: 6 })).toEqual([
      'spec.ttlSeconds: Invalid value: 6: field is immutable',
    ]);
  });

  it('begins as Pending, whatever its maker says, and shows where it is', () => {
    const operation: NodeOperation = { metadata: { ...metadata }, spec: restart, status: { phase: 'Succeeded' } };
    strategy.prepareForCreate?.(operation, '');
    expect(operation).toMatchObject({ status: { phase: 'Pending' }, metadata: { generation: 1 } });
    const cells = nodeOperations.columns.map(({ name, value }) => [name, value(operation, Date.parse('2026-01-01T00:01:00Z'))]);
    expect(cells).toEqual([
      ['Name', 'op'],
      ['Node', 'pi'],
      ['Action', 'RestartPod'],
      ['Phase', 'Pending'],
      ['Age', '60s'],
      ['Pod', 'site/web'],
      ['Message', ''],
    ]);
  });
});
