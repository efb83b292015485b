import { describe, expect, test } from 'vitest';
import { readDeleteOptions } from './delete-options.ts';
import { readListOptions, readWatchOptions, readWriteOptions } from './query-options.ts';
import { parseRequestInfo } from './request-info.ts';
import { RequestLimiter } from './request-limiter.ts';

const query = (text: string): URLSearchParams => new URLSearchParams(text);
const nothing = Buffer.alloc(0);
const invalid = (message: string) => expect.objectContaining({ code: 422, reason: 'Invalid', message });

describe('options of writes', () => {
  test('have the defaults of Kubernetes', () => {
    expect(readWriteOptions(query(''), 'CreateOptions')).toEqual({ dryRun: false, fieldValidation: 'Warn' });
    expect(readWriteOptions(query('dryRun=All&fieldManager=me&fieldValidation=Strict'), 'UpdateOptions')).toEqual({
      dryRun: true,
      fieldManager: 'me',
      fieldValidation: 'Strict',
    });
    expect(readWriteOptions(query('fieldManager=me&force=true'), 'PatchOptions', true)).toMatchObject({ force: true });
  });

  test.each([
    ['fieldValidation=strict', false, 'fieldValidation: Unsupported value: "strict": supported values: "", "Ignore", "Strict", "Warn"'],
    [`fieldManager=${'x'.repeat(129)}`, false, 'fieldManager: Too long: may not be more than 128 bytes'],
    ['force=true', false, 'force: Forbidden: may not be specified for non-apply patch'],
    ['', true, 'fieldManager: Required value: is required for apply patch'],
  ])('%s (apply: %s) is refused', (text, apply, fault) => {
    expect(() => readWriteOptions(query(text), 'PatchOptions', apply)).toThrow(invalid(`PatchOptions.meta.k8s.io "" is invalid: ${fault}`));
  });

  test('a manager of 128 bytes is none too long, one that cannot be printed is refused', () => {
    expect(readWriteOptions(query(`fieldManager=${'x'.repeat(128)}`), 'CreateOptions').fieldManager).toHaveLength(128);
    expect(() => readWriteOptions(query('fieldManager=a%00b'), 'CreateOptions')).toThrow(expect.objectContaining({ code: 422 }));
  });
});

describe('options of deletions', () => {
  test('come from the body, or else from the query', () => {
    const body = Buffer.from(
      '{"kind":"DeleteOptions","gracePeriodSeconds":0,"propagationPolicy":"Foreground","preconditions":{"uid":"u"},"dryRun":["All"]}',
    );
    expect(readDeleteOptions(query('gracePeriodSeconds=9'), body, 'application/json')).toEqual({
      gracePeriodSeconds: 0,
      propagationPolicy: 'Foreground',
      preconditions: { uid: 'u' },
      dryRun: true,
    });
    expect(readDeleteOptions(query('gracePeriodSeconds=9&orphanDependents=true'), nothing, undefined)).toEqual({
      gracePeriodSeconds: 9,
      propagationPolicy: 'Orphan',
      dryRun: false,
    });
    expect(readDeleteOptions(query(''), nothing, undefined)).toEqual({ dryRun: false });
    expect(readDeleteOptions(query(''), Buffer.from('kind: DeleteOptions\ngracePeriodSeconds: 3\n'), 'application/yaml')).toMatchObject({
      gracePeriodSeconds: 3,
    });
  });

  test.each([
    ['{"propagationPolicy":"Sideways"}', 422],
    ['{"propagationPolicy":"Orphan","orphanDependents":true}', 422],
    ['{"dryRun":["Some"]}', 422],
    // Kubernetes counts what cannot be read as its own fault.
    ['{"kind":"Pod"}', 500],
    ['{"gracePeriodSeconds":"soon"}', 500],
    ['[]', 500],
    ['{', 500],
  ])('%s is refused with %i', (body, code) => {
    expect(() => readDeleteOptions(query(''), Buffer.from(body), 'application/json')).toThrow(expect.objectContaining({ code }));
  });
});

test('options of lists and watches are read', () => {
  expect(readListOptions(query('limit=5&labelSelector=a%3Db&resourceVersion='))).toEqual({
    limit: 5,
    labelSelector: 'a=b',
    fieldSelector: undefined,
    continue: undefined,
    resourceVersion: undefined,
    resourceVersionMatch: undefined,
  });
  expect(readWatchOptions(query('allowWatchBookmarks=true&timeoutSeconds=7&sendInitialEvents=false'))).toMatchObject({
    allowWatchBookmarks: true,
    timeoutSeconds: 7,
    sendInitialEvents: false,
  });
  expect(() => readListOptions(query('limit=99999999999999999999'))).toThrow(/value out of range/);
});

const somebody = { groups: ['system:authenticated'] };

test('each kind of request has a limit of its own', () => {
  const limiter = new RequestLimiter({ reads: 1, writes: 2, streams: 1 });
  const info = (method: string, url: string) => parseRequestInfo(method, url);
  const busy = expect.objectContaining({ code: 429, details: { retryAfterSeconds: 1 } });
  const release = limiter.enter(info('GET', '/api/v1/pods'), somebody);
  expect(() => limiter.enter(info('GET', '/version'), somebody)).toThrow(busy);
  limiter.enter(info('POST', '/api/v1/namespaces/a/pods'), somebody);
  limiter.enter(info('DELETE', '/api/v1/namespaces/a/pods/x'), somebody);
  expect(() => limiter.enter(info('PATCH', '/api/v1/namespaces/a/pods/x'), somebody)).toThrow(busy);
  limiter.enter(info('GET', '/api/v1/pods?watch=true'), somebody);
  expect(() => limiter.enter(info('GET', '/api/v1/namespaces/a/pods/x/log?follow=true'), somebody)).toThrow(busy);
  release();
  limiter.enter(info('GET', '/api/v1/pods'), somebody)();
  expect(limiter.inFlight('reads')).toBe(0);
  expect(limiter.inFlight('writes')).toBe(2);
});

test('administrators and probes are served however many others there are', () => {
  const limiter = new RequestLimiter({ reads: 0, writes: 0, streams: 0 });
  const info = (method: string, url: string) => parseRequestInfo(method, url);
  const busy = expect.objectContaining({ code: 429 });
  const masters = { groups: ['system:masters', 'system:authenticated'] };
  const requests = [
    info('GET', '/api/v1/pods'),
    info('POST', '/api/v1/namespaces/a/pods'),
    info('GET', '/api/v1/pods?watch=true'),
    info('GET', '/version'),
  ];
  for (const request of requests) {
    expect(() => limiter.enter(request, somebody)).toThrow(busy);
    limiter.enter(request, masters);
  }
  expect(limiter.inFlight('exempt')).toBe(4);
  for (const probe of ['/healthz', '/livez?verbose', '/readyz']) limiter.enter(info('GET', probe), somebody)();
  expect(() => limiter.enter(info('GET', '/livez/ping'), somebody)).toThrow(busy);
  expect(() => limiter.enter(info('POST', '/readyz'), somebody)).toThrow(busy);
  expect(limiter.inFlight('exempt')).toBe(4);
});

test('bodies that are still to come are counted by user', () => {
  const limiter = new RequestLimiter({ reads: 1, writes: 1, streams: 1, bodiesOfUser: 2 });
  const [first] = [limiter.enterBody('slow'), limiter.enterBody('slow')];
  expect(() => limiter.enterBody('slow')).toThrow(expect.objectContaining({ code: 429 }));
  limiter.enterBody('quick')();
  first();
  limiter.enterBody('slow');
  expect(limiter.inFlight('writes')).toBe(0);
});
