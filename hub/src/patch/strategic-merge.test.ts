import { StatusError } from '@flotilla/shared/errors/status.js';
import { describe, expect, test } from 'vitest';
import { applyStrategicMergePatch } from './strategic-merge.ts';

const podSpec = 'io.k8s.api.core.v1.PodSpec';
const deploymentSpec = 'io.k8s.api.apps.v1.DeploymentSpec';
const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

const named = (...names: string[]): { name: string }[] => names.map((name) => ({ name }));

describe('applyStrategicMergePatch', () => {
  test.each([
    [
      'merges items by key',
      podSpec,
      { containers: [{ name: 'a', image: 'x' }, { name: 'b' }] },
      { containers: [{ name: 'b', image: 'y' }] },
      {
        containers: [
          { name: 'a', image: 'x' },
          { name: 'b', image: 'y' },
        ],
      },
    ],
    [
      'puts new items first, as Kubernetes does',
      podSpec,
      { containers: named('a') },
      { containers: named('b') },
      { containers: named('b', 'a') },
    ],
    [
      'deletes an item',
      podSpec,
      { containers: named('a', 'b') },
      { containers: [{ name: 'a', $patch: 'delete' }] },
      { containers: named('b') },
    ],
    [
      'replaces a list',
      podSpec,
      { containers: named('a', 'b') },
      { containers: [{ $patch: 'replace' }, { name: 'c' }] },
      { containers: named('c') },
    ],
    [
      'replaces a map',
      podSpec,
      { securityContext: { runAsUser: 1, fsGroup: 2 } },
      { securityContext: { $patch: 'replace', runAsUser: 3 } },
      { securityContext: { runAsUser: 3 } },
    ],
    ['empties a map', podSpec, { securityContext: { runAsUser: 1 } }, { securityContext: { $patch: 'delete' } }, { securityContext: {} }],
    ['replaces atomic lists', podSpec, { tolerations: [{ key: 'a' }] }, { tolerations: [{ key: 'b' }] }, { tolerations: [{ key: 'b' }] }],
    [
      'replaces lists of lists inside items',
      podSpec,
      { containers: [{ name: 'a', args: ['1'], env: [{ name: 'E', value: '1' }] }] },
      { containers: [{ name: 'a', args: ['2'], env: [{ name: 'F', value: '2' }] }] },
      {
        containers: [
          {
            name: 'a',
            args: ['2'],
            env: [
              { name: 'F', value: '2' },
              { name: 'E', value: '1' },
            ],
          },
        ],
      },
    ],
    ['null removes', podSpec, { nodeName: 'n', hostname: 'h' }, { nodeName: null, subdomain: null }, { hostname: 'h' }],
    [
      'null inside what is new is left out',
      podSpec,
      {},
      { securityContext: { runAsUser: null, fsGroup: 1 } },
      { securityContext: { fsGroup: 1 } },
    ],
    ['merges sets of scalars', objectMeta, { finalizers: ['a', 'b'] }, { finalizers: ['b', 'c'] }, { finalizers: ['a', 'b', 'c'] }],
    [
      'deletes from sets of scalars',
      objectMeta,
      { finalizers: ['a', 'b', 'c'] },
      { '$deleteFromPrimitiveList/finalizers': ['b'] },
      { finalizers: ['a', 'c'] },
    ],
    [
      'orders a set that loses and gains',
      objectMeta,
      { finalizers: ['a', 'b'] },
      { '$setElementOrder/finalizers': ['c', 'a'], '$deleteFromPrimitiveList/finalizers': ['b'], finalizers: ['c'] },
      { finalizers: ['c', 'a'] },
    ],
    [
      'retains keys of a map',
      deploymentSpec,
      { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
      { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
      { strategy: { type: 'Recreate' } },
    ],
    [
      'retains keys of an item',
      podSpec,
      { volumes: [{ name: 'v', emptyDir: {} }] },
      { volumes: [{ $retainKeys: ['name', 'hostPath'], name: 'v', hostPath: { path: '/x' } }] },
      { volumes: [{ name: 'v', hostPath: { path: '/x' } }] },
    ],
    [
      'takes the order of the patch',
      podSpec,
      { containers: named('1', '2', '3') },
      { containers: named('3', '1') },
      { containers: named('2', '3', '1') },
    ],
    [
      'takes the order it is given',
      podSpec,
      { containers: named('a', 'b') },
      { '$setElementOrder/containers': named('c', 'b', 'a'), containers: [{ name: 'c' }] },
      { containers: named('c', 'b', 'a') },
    ],
    [
      'orders without a change of items',
      podSpec,
      { containers: named('a', 'b') },
      { '$setElementOrder/containers': named('b', 'a') },
      { containers: named('b', 'a') },
    ],
    [
      'orders what only the server has by where it stood',
      podSpec,
      { containers: named('s', 'a', 'b') },
      { '$setElementOrder/containers': named('b', 'a'), containers: [] },
      { containers: named('s', 'b', 'a') },
    ],
    [
      'leaves out directives of what is new',
      podSpec,
      {},
      {
        '$setElementOrder/volumes': named('v'),
        volumes: [
          { name: 'v', $retainKeys: ['name', 'emptyDir'], emptyDir: {} },
          { name: 'w', $patch: 'delete' },
        ],
      },
      { volumes: [{ name: 'v', emptyDir: {} }] },
    ],
    ['merges maps of strings', objectMeta, { labels: { a: '1', b: '2' } }, { labels: { b: null, c: '3' } }, { labels: { a: '1', c: '3' } }],
    [
      'fields without a schema merge as in a merge patch',
      podSpec,
      { foo: { a: [1], b: 1 } },
      { foo: { a: [2] } },
      { foo: { a: [2], b: 1 } },
    ],
  ])('%s', (_what, definition, object, patch, result) => {
    const texts = JSON.stringify([object, patch]);
    expect(applyStrategicMergePatch(object, patch, definition)).toEqual(result);
    expect(JSON.stringify([object, patch])).toBe(texts);
  });

  test('a list cannot be emptied by a patch that only names it', () => {
    expect(applyStrategicMergePatch({ containers: named('a') }, { containers: [] }, podSpec)).toEqual({ containers: named('a') });
  });

  test.each([
    [{ $patch: 'sideways' }, 'unknown patch type: sideways in map: map[$patch:sideways]'],
    [{ containers: [{ image: 'x' }] }, 'map: map[image:x] does not contain declared merge key: name'],
    [{ containers: [{ name: 'a', $patch: 'merge' }] }, 'merging lists cannot yet be specified in the patch'],
    [{ securityContext: { $retainKeys: ['fsGroup'], runAsUser: 1 } }, 'invalid patch format of retainKeys'],
    [{ '$setElementOrder/containers': named('a'), containers: named('z') }, "doesn't match $setElementOrder list"],
    [{ '$setElementOrder/containers': 'a' }, 'invalid patch format of setElementOrder list'],
    [{ $deleteFromPrimitiveList: ['a'] }, 'invalid patch format of primitive list'],
    [[], 'json: cannot unmarshal array into Go value of type map[string]interface {}'],
  ])('%j is refused: %s', (patch, message) => {
    const object = { containers: [{ name: 'a' }], securityContext: { runAsUser: 1 } };
    expect(() => applyStrategicMergePatch(object, patch, podSpec)).toThrow(message);
    expect(() => applyStrategicMergePatch(object, patch, podSpec)).toThrow(StatusError);
  });

  test('__proto__ never gets in', () => {
    const patch = JSON.parse(
      '{"__proto__":{"polluted":1},"securityContext":{"__proto__":{"polluted":1}},"$setElementOrder/__proto__":[]}',
    ) as object;
    const { '$setElementOrder/__proto__': _order, ...rest } = patch as Record<string, unknown>;
    const result = applyStrategicMergePatch({ securityContext: {} }, rest, podSpec);
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
    expect(result).toEqual({ securityContext: {} });
    expect(() => applyStrategicMergePatch({}, patch, podSpec)).toThrow(expect.objectContaining({ code: 400 }));
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('what is no list deletes nothing from a list of scalars, and null deletes the list', () => {
    const object = { metadata: { finalizers: ['a', 'b'] } };
    const of = (value: unknown) =>
      applyStrategicMergePatch(object, { metadata: { '$deleteFromPrimitiveList/finalizers': value } }, 'io.k8s.api.core.v1.Pod');
    expect(of('a')).toEqual(object);
    expect(of(null)).toEqual({ metadata: {} });
    expect(of(['a'])).toEqual({ metadata: { finalizers: ['b'] } });
  });
});
