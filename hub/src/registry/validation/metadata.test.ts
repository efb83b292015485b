import { describeFieldError, type FieldError } from '@flotilla/shared/errors/field.js';
import type { ObjectMeta } from '@flotilla/shared/meta/object.js';
import { describe, expect, it } from 'vitest';
import { annotationsLimitBytes, validateLabelSelector, validateMetadata, validateMetadataUpdate } from './metadata.ts';
import { dnsLabel, dnsSubdomain, isIpAddress, labelName, pathSegment, portName, subdomainName } from './names.ts';

const words = (faults: readonly FieldError[]): string[] => faults.map(describeFieldError);
const meta: ObjectMeta = { name: 'a', namespace: 'default' };
const check = (more: ObjectMeta, namespaced = true) =>
  words(validateMetadata({ metadata: { ...meta, ...more } }, { namespaced, name: subdomainName }));
const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: '1' };

describe('names', () => {
  it('knows labels and subdomains', () => {
    expect([dnsLabel('a-1'), dnsLabel('a'.repeat(63))]).toEqual([[], []]);
    expect(dnsLabel('a'.repeat(64))).toEqual(['must be no more than 63 characters']);
    expect(dnsLabel('a.b')).toEqual(['must not contain dots']);
    expect(dnsLabel('-a')[0]).toMatch(
      /^a lowercase RFC 1123 label must consist of .* \(e\.g\. 'my-name', {2}or '123-abc', regex used for validation is /,
    );
    expect(dnsSubdomain('a.b-c.d')).toEqual([]);
    expect(dnsSubdomain('a..b')).toHaveLength(1);
    expect(dnsSubdomain('a'.repeat(254))).toEqual(['must be no more than 253 characters']);
  });

  it('lets a name that is still to be generated end with a dash', () => {
    expect(subdomainName('web-', true)).toEqual([]);
    expect(labelName('web-', false)).toHaveLength(1);
  });

  it('lets no name leave its place in a URL', () => {
    expect(pathSegment('a:b@c')).toEqual([]);
    expect([pathSegment('.'), pathSegment('..'), pathSegment('a/b'), pathSegment('a%2fb')].flat()).toEqual([
      "may not be '.'",
      "may not be '..'",
      "may not contain '/'",
      "may not contain '%'",
    ]);
    expect(pathSegment('.', true)).toEqual([]);
  });

  it('knows port names and addresses', () => {
    expect(portName('http-2')).toEqual([]);
    expect(portName('a--b')).toEqual(['must not contain consecutive hyphens']);
    expect(portName('abcdefghijklmnop')).toEqual(['must be no more than 15 characters']);
    expect(['10.0.0.1', '::', '::1', '2001:db8::ffff', '::ffff:1.2.3.4', '1:2:3:4:5:6:7:8'].every(isIpAddress)).toBe(true);
    expect(
      ['', '1.2.3', '1.2.3.04', '256.1.1.1', ':', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', 'fe80::1%eth0', 'g::'].some(isIpAddress),
    ).toBe(false);
  });
});

describe('metadata', () => {
  it('takes what is well formed', () => {
    const labels = { 'app.kubernetes.io/name': 'web', empty: '' };
    expect(
      check({ labels, annotations: { 'Example.com/A_b': 'anything at all' }, finalizers: ['example.com/f'], ownerReferences: [owner] }),
    ).toEqual([]);
    expect(check({ namespace: '' }, false)).toEqual([]);
  });

  it.each<[string, ObjectMeta]>([
    ['metadata.name: Required value: name or generateName is required', { name: '' }],
    ['metadata.namespace: Required value', { namespace: '' }],
    ['metadata.namespace: Invalid value: "A.b": a lowercase RFC 1123 label', { namespace: 'A.b' }],
    ['metadata.generateName: Invalid value: "A": a lowercase', { generateName: 'A' }],
    ['metadata.generation: Invalid value: -1: must be greater than or equal to 0', { generation: -1 }],
    ['metadata.labels: Invalid value: "a b": name part must consist of', { labels: { 'a b': 'x' } }],
    ['metadata.labels: Invalid value: "/a": prefix part must be non-empty', { labels: { '/a': 'x' } }],
    ['metadata.annotations: Invalid value: "a/b/c": a qualified name must consist', { annotations: { 'a/b/c': '' } }],
    ['metadata.annotations: Too long: may not be more than 262144 bytes', { annotations: { a: 'x'.repeat(annotationsLimitBytes) } }],
    ['metadata.ownerReferences.uid: Invalid value: "": must not be empty', { ownerReferences: [{ ...owner, uid: '' }] }],
    [
      'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
      { ownerReferences: [{ ...owner, apiVersion: '' }] },
    ],
    [
      'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"e","uid":"1"}: /v1, Kind=Event is disallowed from being an owner',
      { ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'e', uid: '1' }] },
    ],
    ['metadata.finalizers: Invalid value: "a b": name part must consist', { finalizers: ['a b'] }],
    [
      'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
      { finalizers: ['orphan', 'foregroundDeletion'] },
    ],
    ['metadata.managedFields[0].operation: Invalid value: "": must be `Apply` or `Update`', { managedFields: [{ manager: 'm' }] }],
    [
      'metadata.managedFields[0].manager: Too long: may not be more than 128 bytes',
      { managedFields: [{ manager: 'm'.repeat(129), operation: 'Update' }] },
    ],
  ])('refuses with %s', (message, more) => {
    const faults = check(more);
    expect(
      faults.filter((fault) => fault.startsWith(message)),
      faults.join('\n'),
    ).toHaveLength(1);
  });

  it('takes one controller only', () => {
    const both = [
      { ...owner, controller: true },
      { ...owner, name: 's', uid: '2', controller: true },
    ];
    expect(check({ ownerReferences: both })[0]).toContain(
      'Only one reference can have Controller set to true. Found "true" in references for ReplicaSet/r and ReplicaSet/s',
    );
  });

  it('is forbidden a namespace where there are none', () => {
    expect(check({}, false)).toEqual(['metadata.namespace: Forbidden: not allowed on this type']);
  });

  it('keeps its identity over updates', () => {
    const change = (now: ObjectMeta, was: ObjectMeta = {}) =>
      words(validateMetadataUpdate({ metadata: { ...meta, ...now } }, { metadata: { ...meta, ...was } }));
    expect(change({ labels: { a: 'b' } })).toEqual([]);
    expect(change({ name: 'b' })).toEqual(['metadata.name: Invalid value: "b": field is immutable']);
    expect(change({ uid: '2' }, { uid: '1' })).toEqual(['metadata.uid: Invalid value: "2": field is immutable']);
    expect(change({ generation: 1 }, { generation: 2 })).toEqual(['metadata.generation: Invalid value: 1: must not be decremented']);
    expect(change({ deletionTimestamp: 'now' })).toEqual(['metadata.deletionTimestamp: Invalid value: "now": field is immutable']);
  });
});

it('holds label selectors to their operators', () => {
  const faults = (requirement: { key: string; operator: string; values?: string[] }) =>
    words(validateLabelSelector({ matchExpressions: [requirement] }, 's'));
  expect(faults({ key: 'a', operator: 'In', values: ['b'] })).toEqual([]);
  expect(faults({ key: 'a', operator: 'Exists' })).toEqual([]);
  expect(faults({ key: 'a', operator: 'In' })).toEqual([
    "s.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
  ]);
  expect(faults({ key: 'a', operator: 'Exists', values: ['x'] })).toEqual([
    "s.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
  ]);
  expect(faults({ key: 'a', operator: 'Gt', values: ['1'] })).toEqual([
    's.matchExpressions[0].operator: Invalid value: "Gt": not a valid selector operator',
  ]);
  expect(faults({ key: 'a', operator: 'NotIn', values: ['b c'] })[0]).toMatch(
    /^s\.matchExpressions\[0\]\.values\[0\]: Invalid value: "b c": a valid label must be/,
  );
});
