import { expect, test } from 'vitest';
import { parseRequestInfo } from './request-info.ts';

const target = { group: '', version: 'v1', namespace: '', resource: '', name: '', subresource: '', rest: [] };

test.each([
  ['GET', '/api/v1/namespaces/default/pods', 'list', { namespace: 'default', resource: 'pods' }],
  ['GET', '/api/v1/pods?watch=true', 'watch', { resource: 'pods' }],
  ['GET', '/api/v1/pods?watch=1', 'watch', { resource: 'pods' }],
  ['GET', '/api/v1/pods?watch=0', 'list', { resource: 'pods' }],
  ['GET', '/api/v1/pods?watch=false', 'list', { resource: 'pods' }],
  ['GET', '/api/v1/namespaces/default/pods/a?watch=true', 'get', { namespace: 'default', resource: 'pods', name: 'a' }],
  ['HEAD', '/api/v1/namespaces/default/pods/a', 'head', { namespace: 'default', resource: 'pods', name: 'a' }],
  [
    'POST',
    '/api/v1/namespaces/default/pods/a/binding',
    'create',
    { namespace: 'default', resource: 'pods', name: 'a', subresource: 'binding' },
  ],
  ['PUT', '/api/v1/namespaces/x/status', 'update', { namespace: 'x', resource: 'namespaces', name: 'x', subresource: 'status' }],
  ['PUT', '/api/v1/namespaces/x/finalize', 'update', { namespace: 'x', resource: 'namespaces', name: 'x', subresource: 'finalize' }],
  ['GET', '/api/v1/namespaces/x', 'get', { namespace: 'x', resource: 'namespaces', name: 'x' }],
  ['GET', '/api/v1/namespaces', 'list', { resource: 'namespaces' }],
  ['PATCH', '/api/v1/nodes/n', 'patch', { resource: 'nodes', name: 'n' }],
  ['DELETE', '/api/v1/namespaces/x/pods', 'deletecollection', { namespace: 'x', resource: 'pods' }],
  ['DELETE', '/api/v1/namespaces/x/pods/a', 'delete', { namespace: 'x', resource: 'pods', name: 'a' }],
  [
    'GET',
    '/apis/apps/v1/namespaces/x/deployments/d/scale',
    'get',
    { group: 'apps', namespace: 'x', resource: 'deployments', name: 'd', subresource: 'scale' },
  ],
  ['GET', '/apis/apps/v1/deployments/', 'list', { group: 'apps', resource: 'deployments' }],
  [
    'GET',
    '/api/v1/namespaces/x/pods/a/proxy/b/c',
    'get',
    { namespace: 'x', resource: 'pods', name: 'a', subresource: 'proxy', rest: ['b', 'c'] },
  ],
  ['GET', '/api/v1/namespaces/%61/pods/%C3%A4', 'get', { namespace: 'a', resource: 'pods', name: 'ä' }],
  ['GET', '/api/v1/namespaces/x/pods/a%2Fb', 'get', { namespace: 'x', resource: 'pods', name: 'a', subresource: 'b' }],
])('%s %s is %s', (method, url, verb, wanted) => {
  const info = parseRequestInfo(method, url);
  expect(info.verb).toBe(verb);
  expect(info.resource).toEqual({ ...target, ...wanted });
});

test.each(['/', '/api', '/apis', '/api/v1', '/apis/apps', '/apis/apps/v1', '/version', '/openapi/v3', '/healthz/ping', '/apix/v1/pods'])(
  '%s is no resource',
  (url) => {
    const info = parseRequestInfo('GET', url);
    expect(info.resource).toBeUndefined();
    expect(info.verb).toBe('get');
  },
);

test('a broken escape is refused', () => {
  expect(() => parseRequestInfo('GET', '/api/v1/pods/%zz')).toThrow(URIError);
});
