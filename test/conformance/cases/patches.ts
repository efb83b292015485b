import { topic } from '../exchange.ts';

const base = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'p',
    labels: { a: '1', b: '2' },
    annotations: { 'example.com/x': 'y' },
    finalizers: ['example.com/one', 'example.com/two'],
  },
  data: { one: '1', two: '2' },
};

const jsonPatches: Record<string, object | string> = {
  'add a key': [{ op: 'add', path: '/data/three', value: '3' }],
  'add over a key': [{ op: 'add', path: '/data/one', value: '11' }],
  'add where no parent is': [{ op: 'add', path: '/binaryData/x', value: 'AA==' }],
  'add a parent first': [
    { op: 'add', path: '/binaryData', value: {} },
    { op: 'add', path: '/binaryData/x', value: 'AA==' },
  ],
  'add to the end of a list': [{ op: 'add', path: '/metadata/finalizers/-', value: 'example.com/three' }],
  'add into a list': [{ op: 'add', path: '/metadata/finalizers/1', value: 'example.com/three' }],
  'add beyond a list': [{ op: 'add', path: '/metadata/finalizers/9', value: 'example.com/three' }],
  'add at a negative place': [{ op: 'add', path: '/metadata/finalizers/-1', value: 'example.com/three' }],
  'add at a word in a list': [{ op: 'add', path: '/metadata/finalizers/x', value: 'example.com/three' }],
  'add without value': [{ op: 'add', path: '/data/three' }],
  'add without path': [{ op: 'add', value: '3' }],
  'remove a key': [{ op: 'remove', path: '/data/one' }],
  'remove what is not there': [{ op: 'remove', path: '/data/none' }],
  'remove below what is not there': [{ op: 'remove', path: '/binaryData/none' }],
  'remove from a list': [{ op: 'remove', path: '/metadata/finalizers/0' }],
  'remove beyond a list': [{ op: 'remove', path: '/metadata/finalizers/2' }],
  'remove the root': [{ op: 'remove', path: '' }],
  'remove data': [{ op: 'remove', path: '/data' }],
  'replace a key': [{ op: 'replace', path: '/data/one', value: '11' }],
  'replace what is not there': [{ op: 'replace', path: '/data/none', value: '1' }],
  'replace in a list': [{ op: 'replace', path: '/metadata/finalizers/0', value: 'example.com/new' }],
  'replace beyond a list': [{ op: 'replace', path: '/metadata/finalizers/2', value: 'example.com/new' }],
  'replace with another type': [{ op: 'replace', path: '/data/one', value: 1 }],
  'replace with null': [{ op: 'replace', path: '/data/one', value: null }],
  'replace the root': [{ op: 'replace', path: '', value: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'p' } } }],
  'replace the name': [{ op: 'replace', path: '/metadata/name', value: 'q' }],
  'replace the namespace': [{ op: 'replace', path: '/metadata/namespace', value: 'q' }],
  'replace the kind': [{ op: 'replace', path: '/kind', value: 'Secret' }],
  'replace the version': [{ op: 'replace', path: '/apiVersion', value: 'v2' }],
  'replace the uid': [{ op: 'replace', path: '/metadata/uid', value: 'x' }],
  'replace the resourceVersion': [{ op: 'replace', path: '/metadata/resourceVersion', value: '1' }],
  'move a key': [{ op: 'move', from: '/data/one', path: '/data/moved' }],
  'move what is not there': [{ op: 'move', from: '/data/none', path: '/data/moved' }],
  'move without from': [{ op: 'move', path: '/data/moved' }],
  'move into itself': [{ op: 'move', from: '/data', path: '/data/inside' }],
  'copy a key': [{ op: 'copy', from: '/data/one', path: '/data/copied' }],
  'copy what is not there': [{ op: 'copy', from: '/data/none', path: '/data/copied' }],
  'test what holds': [
    { op: 'test', path: '/data/one', value: '1' },
    { op: 'replace', path: '/data/one', value: '11' },
  ],
  'test what does not hold': [
    { op: 'test', path: '/data/one', value: '2' },
    { op: 'replace', path: '/data/one', value: '11' },
  ],
  'test what is not there': [{ op: 'test', path: '/data/none', value: '1' }],
  'test that something is null': [{ op: 'test', path: '/data/none', value: null }],
  'test an object': [{ op: 'test', path: '/metadata/labels', value: { b: '2', a: '1' } }],
  'test a list': [{ op: 'test', path: '/metadata/finalizers', value: ['example.com/one', 'example.com/two'] }],
  'an escaped path': [{ op: 'replace', path: '/metadata/annotations/example.com~1x', value: 'z' }],
  'an escaped tilde': [{ op: 'replace', path: '/data/a~0b', value: 'z' }],
  'a path without slash': [{ op: 'add', path: 'data/one', value: '1' }],
  'an unknown operation': [{ op: 'mix', path: '/data/one', value: '1' }],
  'no operation': [{ path: '/data/one', value: '1' }],
  'an operation with more': [{ op: 'replace', path: '/data/one', value: '11', more: true }],
  'no operations': [],
  'an object': { op: 'replace', path: '/data/one', value: '11' },
  'a list of numbers': [1],
  'the prototype': [{ op: 'add', path: '/data/__proto__', value: 'x' }],
  'more than 10000 operations': Array.from({ length: 10001 }, () => ({ op: 'test', path: '/data/one', value: '1' })),
};

const mergePatches: Record<string, object | string> = {
  'add and change': { data: { one: '11', three: '3' } },
  'remove by null': { data: { one: null } },
  'remove what is not there': { data: { none: null } },
  'remove everything': { data: null },
  'replace a list': { metadata: { finalizers: ['example.com/new'] } },
  'replace an object by a text': { data: 'text' },
  'replace a text by an object': { data: { one: { a: 1 } } },
  'the name': { metadata: { name: 'q' } },
  'the namespace': { metadata: { namespace: 'q' } },
  'the kind': { kind: 'Secret' },
  'the version': { apiVersion: 'v2' },
  'the uid': { metadata: { uid: 'x' } },
  'an old resourceVersion': { metadata: { resourceVersion: '1' } },
  'a bad resourceVersion': { metadata: { resourceVersion: 'x' } },
  'an empty object': {},
  'a list': [],
  'a text': '"text"',
  null: 'null',
  'half an object': '{"data":',
  'a bad label': { metadata: { labels: { 'a b': 'c' } } },
  'a label that is removed': { metadata: { labels: { a: null } } },
  'the creation time': { metadata: { creationTimestamp: null } },
  managedFields: { metadata: { managedFields: [] } },
  'the generation': { metadata: { generation: 12 } },
  'an owner that is wrong': { metadata: { ownerReferences: [{ name: 'x' }] } },
  'the prototype': '{"data":{"__proto__":"x"}}',
};

const strategicPatches: Record<string, object | string> = {
  'add and change': { data: { one: '11', three: '3' } },
  'remove by null': { data: { one: null } },
  'replace a map': { data: { $patch: 'replace', only: 'this' } },
  'delete a map': { data: { $patch: 'delete' } },
  'merge said so': { data: { $patch: 'merge', three: '3' } },
  'an unknown directive': { data: { $patch: 'mix' } },
  'a directive of another type': { data: { $patch: 5 } },
  'replace the whole': { $patch: 'replace', metadata: { name: 'p' }, data: { only: 'this' } },
  'delete the whole': { $patch: 'delete' },
  'merge finalizers': { metadata: { finalizers: ['example.com/three', 'example.com/one'] } },
  'delete a finalizer': { metadata: { '$deleteFromPrimitiveList/finalizers': ['example.com/one'] } },
  'delete a finalizer that is not there': { metadata: { '$deleteFromPrimitiveList/finalizers': ['example.com/none'] } },
  'delete from a list with a text': { metadata: { '$deleteFromPrimitiveList/finalizers': 'example.com/one' } },
  'order finalizers': { metadata: { '$setElementOrder/finalizers': ['example.com/two', 'example.com/one'] } },
  'order and add': {
    metadata: {
      '$setElementOrder/finalizers': ['example.com/two', 'example.com/three', 'example.com/one'],
      finalizers: ['example.com/three'],
    },
  },
  'order without what is added': { metadata: { '$setElementOrder/finalizers': ['example.com/two'], finalizers: ['example.com/three'] } },
  'retain keys': { data: { $retainKeys: ['one'], one: '11' } },
  'retain keys without what is set': { data: { $retainKeys: ['two'], one: '11' } },
  'retain keys as text': { data: { $retainKeys: 'one' } },
  'replace a map by a text': { data: 'text' },
  'a list': [],
  'a text': '"text"',
  'half an object': '{"data":',
  'the name': { metadata: { name: 'q' } },
  'an old resourceVersion': { metadata: { resourceVersion: '1' } },
  'an owner': { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u1' }] } },
};

export const patches = topic('patches', (t) => {
  const of = t.path('configmaps', 'p');
  t.post('the object', t.path('configmaps'), base);
  for (const [name, patch] of Object.entries(jsonPatches)) t.patch(`JSON patch: ${name}`, `${of}?dryRun=All`, 'json', patch);
  for (const [name, patch] of Object.entries(mergePatches)) t.patch(`merge patch: ${name}`, `${of}?dryRun=All`, 'merge', patch);
  for (const [name, patch] of Object.entries(strategicPatches)) t.patch(`strategic: ${name}`, `${of}?dryRun=All`, 'strategic', patch);
  for (const type of ['json', 'merge', 'strategic'] as const) {
    t.patch(`${type}: nothing there`, t.path('configmaps', 'none'), type, type === 'json' ? [] : {});
    t.patch(`${type}: no body`, of, type, '');
  }
  t.patch('a merge patch that is written', of, 'merge', { data: { one: '11' } });
  t.patch('and changes nothing', of, 'merge', { data: { one: '11' } });
  t.patch('by another manager', `${of}?fieldManager=other`, 'merge', { data: { two: '22' } });
  t.patch('JSON patch to a collection', t.path('configmaps'), 'json', []);
  for (const type of ['application/json', 'text/plain', 'application/yaml', 'application/apply-patch+cbor', '']) {
    t.add({ name: `content type ${type || '(none)'}`, method: 'PATCH', path: of, body: '{}', headers: { 'content-type': type } });
  }
});
