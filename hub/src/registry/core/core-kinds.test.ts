import type { ConfigMap, Event, Lease, Namespace, Secret, ServiceAccount } from '@flotilla/shared/api/generated/types.js';
import { describeFieldError, type FieldError } from '@flotilla/shared/errors/field.js';
import { describe, expect, it } from 'vitest';
import { leases } from '#registry/coordination/lease.ts';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { configMaps } from './config-map.ts';
import { events } from './event.ts';
import { namespaces } from './namespace.ts';
import { secrets } from './secret.ts';
import { serviceAccounts } from './service-account.ts';

const words = (faults: readonly FieldError[]): string[] => faults.map(describeFieldError);
const metadata = { name: 'a', namespace: 'default' };
const cells = <T extends object>(definition: ResourceDefinition<T>, object: T): unknown[] =>
  definition.columns.map(({ value }) => value(object, 0));

describe('ConfigMap', () => {
  const validate = (more: Partial<ConfigMap>) => words(configMaps.strategy.validate({ metadata, ...more }));
  const change = (old: Partial<ConfigMap>, now: Partial<ConfigMap>) =>
    words(configMaps.strategy.validateUpdate({ metadata, ...now }, { metadata, ...old }));

  it('takes any key that is a file name, and up to 1 MiB', () => {
    expect(validate({ data: { 'a.b-C_1': 'x' }, binaryData: { b: 'AA==' } })).toEqual([]);
    expect(validate({ data: { a: 'x'.repeat(1024 * 1024) } })).toEqual([]);
    expect(validate({ data: { a: 'x'.repeat(1024 * 1024 + 1) } })).toEqual(['[]: Too long: may not be more than 1048576 bytes']);
    expect(validate({ data: { 'a/b': '' } })[0]).toMatch(
      /^data\[a\/b\]: Invalid value: "a\/b": a valid config key must consist of alphanumeric characters/,
    );
    expect(validate({ data: { '..': '' } })).toEqual(['data[..]: Invalid value: "..": must not be \'..\'']);
    expect(validate({ data: { a: '' }, binaryData: { a: '' } })).toEqual([
      'data[a]: Invalid value: "a": duplicate of key present in binaryData',
    ]);
  });

  it('stays as it is once it is immutable', () => {
    expect(change({ immutable: true, data: { a: '1' } }, { immutable: true, data: { a: '1' } })).toEqual([]);
    expect(change({ immutable: true, data: { a: '1' } }, { data: { a: '2' } })).toEqual([
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
  });
});

describe('Secret', () => {
  const validate = (more: Partial<Secret>) => words(secrets.strategy.validate({ metadata, ...more }));
  const json = (text: string) => Buffer.from(text).toString('base64');

  it('writes stringData into data and is Opaque unless told', () => {
    const secret: Secret = { metadata, data: { a: 'AA==', b: 'AA==' }, stringData: { b: 'hi', c: 'ü' } };
    secrets.strategy.default?.(secret);
    expect(secret).toEqual({ metadata, type: 'Opaque', data: { a: 'AA==', b: 'aGk=', c: 'w7w=' } });
    expect(cells(secrets, secret)).toEqual(['a', 'Opaque', 3, '<unknown>']);
  });

  it('wants what its type needs', () => {
    expect(validate({ type: 'kubernetes.io/tls', data: { 'tls.crt': '', 'tls.key': '' } })).toEqual([]);
    expect(validate({ type: 'kubernetes.io/tls' })).toEqual(['data[tls.crt]: Required value', 'data[tls.key]: Required value']);
    expect(validate({ type: 'kubernetes.io/basic-auth' })).toEqual(['data[username]: Required value', 'data[password]: Required value']);
    expect(validate({ type: 'kubernetes.io/basic-auth', data: { password: 'AA==' } })).toEqual([]);
    expect(validate({ type: 'kubernetes.io/ssh-auth' })).toEqual(['data[ssh-privatekey]: Required value']);
    expect(validate({ type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': json('{}') } })).toEqual([]);
    const broken = validate({ type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': json('{"password":"hunter2"') } });
    expect(broken).toHaveLength(1);
    expect(broken[0]).toMatch(/^data\[\.dockerconfigjson\]: Invalid value: "<secret contents redacted>"/);
    expect(broken[0]).not.toContain('hunter2');
    expect(validate({ type: 'kubernetes.io/service-account-token' })).toEqual([
      'metadata.annotations[kubernetes.io/service-account.name]: Required value',
    ]);
  });

  it('counts the decoded size, and never changes its type', () => {
    const whole = Buffer.alloc(1024 * 1024).toString('base64');
    expect(validate({ data: { a: whole } })).toEqual([]);
    expect(validate({ data: { a: whole, b: 'AA==' } })).toEqual(['data: Too long: may not be more than 1048576 bytes']);
    const old: Secret = { metadata, type: 'Opaque', data: { a: 'AA==' }, immutable: true };
    expect(words(secrets.strategy.validateUpdate({ ...old, type: 'x', data: {} }, old))).toEqual([
      'type: Invalid value: "x": field is immutable',
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
  });
});

describe('Namespace', () => {
  it('has the name of a DNS label and finalizers that are qualified', () => {
    const validate = (object: Namespace) => words(namespaces.strategy.validate(object));
    expect(validate({ metadata: { name: 'a-1' }, spec: { finalizers: ['kubernetes', 'example.com/x'] } })).toEqual([]);
    expect(validate({ metadata: { name: 'a.b' } })).toEqual(['metadata.name: Invalid value: "a.b": must not contain dots']);
    expect(validate({ metadata: { name: 'a' }, spec: { finalizers: ['mine'] } })).toEqual([
      'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ]);
  });
});

describe('ServiceAccount', () => {
  it('keeps of secrets their names', () => {
    const account: ServiceAccount = { metadata, secrets: [{ name: 's', namespace: 'x', kind: 'Secret' }] };
    serviceAccounts.strategy.prepareForCreate?.(account, '');
    expect(account.secrets).toEqual([{ name: 's' }]);
    expect(words(serviceAccounts.strategy.validate({ metadata: { ...metadata, name: 'A' } }))).toHaveLength(1);
    expect(words(serviceAccounts.strategy.validate(account))).toEqual([]);
  });
});

describe('Event', () => {
  const event = (more: Partial<Event> = {}): Event => ({
    metadata,
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    ...more,
  });
  const validate = (more: Partial<Event>) => words(events.strategy.validate(event(more)));

  it('lies where its subject lies, and names its reporter when it is of the newer form', () => {
    expect(validate({})).toEqual([]);
    expect(validate({ involvedObject: { namespace: 'other' } })).toEqual([
      'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
    ]);
    expect(
      validate({
        eventTime: '2026-01-01T00:00:00.000000Z',
        reportingComponent: 'me',
        reportingInstance: 'me-1',
        action: 'Do',
        reason: 'R',
      }),
    ).toEqual([]);
    expect(validate({ eventTime: '2026-01-01T00:00:00.000000Z', reportingComponent: 'me' })).toEqual([
      'reportingInstance: Required value',
      'action: Required value',
      'reason: Required value',
    ]);
  });

  it('shows what kubectl get events shows', () => {
    expect(events.columns.filter(({ priority = 0 }) => priority === 0).map(({ name }) => name)).toEqual([
      'Last Seen',
      'Type',
      'Reason',
      'Object',
      'Message',
    ]);
    const seen = event({
      type: 'Normal',
      reason: 'Started',
      message: ' hi ',
      lastTimestamp: '1970-01-01T00:00:00Z',
      source: { component: 'agent', host: 'n' },
    });
    expect(cells(events, seen)).toEqual(['0s', 'Normal', 'Started', 'pod/p', '', 'agent, n', 'hi', '<unknown>', 1, 'a']);
    expect(events.ttlSeconds).toBe(3600);
  });
});

describe('Lease', () => {
  it('lasts and counts upwards', () => {
    const validate = (spec: Lease['spec']) => words(leases.strategy.validate({ metadata, ...(spec ? { spec } : {}) }));
    expect(validate({ leaseDurationSeconds: 40, leaseTransitions: 0, holderIdentity: 'n' })).toEqual([]);
    expect(validate({ leaseDurationSeconds: 0, leaseTransitions: -1 })).toEqual([
      'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
      'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
    ]);
    expect(validate({ preferredHolder: 'x' })).toEqual(['spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined']);
  });
});
