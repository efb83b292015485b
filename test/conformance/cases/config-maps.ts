import { topic } from '../exchange.ts';

const configMap = (name: string, more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...more });
const withMetadata = (metadata: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata });

/** Metadata that is taken or refused. */
const metadata: Record<string, object> = {
  'no name': {},
  'an empty name': { name: '' },
  'a name in capitals': { name: 'Capital' },
  'a name with an underscore': { name: 'a_b' },
  'a name that begins with a dash': { name: '-a' },
  'a name that ends with a dot': { name: 'a.' },
  'a name of 253 characters': { name: 'a'.repeat(253) },
  'a name of 254 characters': { name: 'a'.repeat(254) },
  'a name with a slash': { name: 'a/b' },
  'a name with a percent sign': { name: 'a%b' },
  'the name dot': { name: '.' },
  'the name dot dot': { name: '..' },
  'a label without value': { name: 'm', labels: { a: '' } },
  'a label with a prefix': { name: 'm', labels: { 'example.com/a': 'b' } },
  'a label key with two slashes': { name: 'm', labels: { 'a/b/c': 'd' } },
  'a label key with an empty prefix': { name: 'm', labels: { '/b': 'd' } },
  'a label key with an empty name': { name: 'm', labels: { 'a/': 'd' } },
  'an empty label key': { name: 'm', labels: { '': 'd' } },
  'a label key of 64 characters': { name: 'm', labels: { ['k'.repeat(64)]: 'd' } },
  'a label prefix of 254 characters': { name: 'm', labels: { [`${'p'.repeat(254)}/k`]: 'd' } },
  'a label prefix in capitals': { name: 'm', labels: { 'Example.com/k': 'd' } },
  'a label value of 63 characters': { name: 'm', labels: { a: 'v'.repeat(63) } },
  'a label value of 64 characters': { name: 'm', labels: { a: 'v'.repeat(64) } },
  'a label value with a space': { name: 'm', labels: { a: 'b c' } },
  'a label value that ends with a dash': { name: 'm', labels: { a: 'b-' } },
  'an annotation with any value': { name: 'm', annotations: { a: 'ä !\n\u0000x' } },
  'an annotation key with a space': { name: 'm', annotations: { 'a b': '' } },
  'an annotation key in capitals with a prefix': { name: 'm', annotations: { 'Example.com/A': '' } },
  'annotations of more than 256 KiB': { name: 'm', annotations: { a: 'x'.repeat(262145) } },
  'a finalizer with a prefix': { name: 'm', finalizers: ['example.com/a'] },
  'a finalizer without prefix': { name: 'm', finalizers: ['a'] },
  'a finalizer of Kubernetes': { name: 'm', finalizers: ['orphan'] },
  'orphan and foregroundDeletion': { name: 'm', finalizers: ['orphan', 'foregroundDeletion'] },
  'a finalizer that is no name': { name: 'm', finalizers: ['a b/c'] },
  'an empty finalizer': { name: 'm', finalizers: [''] },
  'an owner': { name: 'm', ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }] },
  'an owner without uid': { name: 'm', ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p' }] },
  'an owner without anything': { name: 'm', ownerReferences: [{}] },
  'an owner of a bad version': { name: 'm', ownerReferences: [{ apiVersion: 'a/b/c', kind: 'Pod', name: 'p', uid: 'u' }] },
  'an event as owner': { name: 'm', ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'p', uid: 'u' }] },
  'two controllers': {
    name: 'm',
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', controller: true },
      { apiVersion: 'v1', kind: 'Pod', name: 'q', uid: 'v', controller: true },
    ],
  },
  'the same owner twice': {
    name: 'm',
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' },
      { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' },
    ],
  },
  'the same uid under two names': {
    name: 'm',
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' },
      { apiVersion: 'v1', kind: 'Pod', name: 'q', uid: 'u' },
    ],
  },
  'an uid of its own': { name: 'm', uid: 'mine' },
  'a time of its own': { name: 'm', creationTimestamp: '2001-01-01T00:00:00Z', deletionTimestamp: '2001-01-01T00:00:00Z' },
  'a grace period of its own': { name: 'm', deletionGracePeriodSeconds: 5 },
  'a generation of its own': { name: 'm', generation: 7 },
  'a negative generation': { name: 'm', generation: -1 },
  'a selfLink of its own': { name: 'm', selfLink: '/somewhere' },
  'a resourceVersion': { name: 'm', resourceVersion: '5' },
  'another namespace': { name: 'm', namespace: 'other' },
  'managers of its own': {
    name: 'm',
    managedFields: [
      {
        manager: 'x',
        operation: 'Update',
        apiVersion: 'v1',
        time: '2001-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': {} },
      },
    ],
  },
  'managers without operation': { name: 'm', managedFields: [{ manager: 'x' }] },
  'managers with a bad fieldsType': { name: 'm', managedFields: [{ manager: 'x', operation: 'Update', fieldsType: 'V9' }] },
};

/** Content that is taken or refused. */
const content: Record<string, object> = {
  'no data': {},
  'null as data': { data: null },
  'an empty value': { data: { a: '' } },
  'null as value': { data: { a: null } },
  'every kind of key': { data: { 'a.B-c_d': '1', '.dot': '2', '...': '3' } },
  'the key dot': { data: { '.': '1' } },
  'the key dot dot': { data: { '..': '1' } },
  'a key that begins with two dots': { data: { '..a': '1' } },
  'a key with a slash': { data: { 'a/b': '1' } },
  'an empty key': { data: { '': '1' } },
  'a key of 253 characters': { data: { ['k'.repeat(253)]: '1' } },
  'a key of 254 characters': { data: { ['k'.repeat(254)]: '1' } },
  'a number as value': { data: { a: 1 } },
  'an object as value': { data: { a: {} } },
  'a list as data': { data: [] },
  'binary data': { binaryData: { a: 'AAECAw==' } },
  'binary data that is no base64': { binaryData: { a: '!!!' } },
  'binary data without padding': { binaryData: { a: 'AAECAw' } },
  'a key in data and binaryData': { data: { a: '1' }, binaryData: { a: 'AA==' } },
  'more than a mebibyte': { data: { a: 'x'.repeat(1048577) } },
  'more than a mebibyte in two': { data: { a: 'x'.repeat(600000) }, binaryData: { b: Buffer.alloc(500000).toString('base64') } },
  'immutable as text': { immutable: 'yes' },
};

export const configMaps = topic('config-maps', (t) => {
  const all = t.path('configmaps');
  const of = (name: string): string => t.path('configmaps', name);
  for (const [name, given] of Object.entries(metadata)) t.post(`metadata: ${name}`, `${all}?dryRun=All`, withMetadata(given));
  for (const [name, given] of Object.entries(content)) t.post(`content: ${name}`, `${all}?dryRun=All`, configMap('c', given));

  t.post('create', all, configMap('one', { data: { a: '1' } }), { keep: { uid: '/metadata/uid', first: '/metadata/resourceVersion' } });
  t.post('create again', all, configMap('one'));
  t.post('create again, dry run', `${all}?dryRun=All`, configMap('one'));
  t.get('get', of('one'));
  t.get('get what is not there', of('none'));
  t.get('get as of a version that was', `${of('one')}?resourceVersion={first}`);
  t.get('get as of a bad version', `${of('one')}?resourceVersion=x`);
  t.put('replace', of('one'), configMap('one', { data: { a: '2' } }), { keep: { second: '/metadata/resourceVersion' } });
  t.put('replace with nothing new', of('one'), configMap('one', { data: { a: '2' } }));
  t.put('replace with an old version', of('one'), { ...configMap('one'), metadata: { name: 'one', resourceVersion: '{first}' } });
  t.put('replace with a version that is no number', of('one'), { ...configMap('one'), metadata: { name: 'one', resourceVersion: 'x' } });
  t.put('replace with the version of now', of('one'), {
    ...configMap('one', { data: { a: '3' } }),
    metadata: { name: 'one', resourceVersion: '{second}', labels: { l: '1' } },
  });
  t.put('replace with the right uid', of('one'), { ...configMap('one'), metadata: { name: 'one', uid: '{uid}' } });
  t.put('replace with another uid', of('one'), { ...configMap('one'), metadata: { name: 'one', uid: 'another' } });
  t.put('replace under another name', of('one'), configMap('two'));
  t.put('replace without name', of('one'), { apiVersion: 'v1', kind: 'ConfigMap' });
  t.put('replace in another namespace', of('one'), { ...configMap('one'), metadata: { name: 'one', namespace: 'other' } });
  t.put('replace what is not there', of('none'), configMap('none'));
  t.put('replace what is not there with a version', of('none'), { ...configMap('none'), metadata: { name: 'none', resourceVersion: '5' } });
  t.put('replace, dry run', `${of('one')}?dryRun=All`, configMap('one', { data: { dry: 'run' } }));
  t.put('replace with bad metadata', of('one'), { ...configMap('one'), metadata: { name: 'one', labels: { 'a b': '' } } });
  t.put('replace with bad data', of('one'), configMap('one', { data: { 'a/b': '' } }));
  t.put('a generation cannot be set', of('one'), { ...configMap('one'), metadata: { name: 'one', generation: 5 } });
  t.put('a creation time cannot be set', of('one'), {
    ...configMap('one'),
    metadata: { name: 'one', creationTimestamp: '2001-01-01T00:00:00Z' },
  });
  t.put('a deletion time cannot be set', of('one'), {
    ...configMap('one'),
    metadata: { name: 'one', deletionTimestamp: '2001-01-01T00:00:00Z' },
  });
  t.put('a finalizer can be added', of('one'), { ...configMap('one'), metadata: { name: 'one', finalizers: ['example.com/f'] } });
  t.put('and removed', of('one'), configMap('one'));
  t.put('managedFields can be reset', of('one'), { ...configMap('one'), metadata: { name: 'one', managedFields: [{}] } });
  t.put('managedFields that are null', of('one'), {
    ...configMap('one', { data: { b: '1' } }),
    metadata: { name: 'one', managedFields: null },
  });
  t.put('managedFields that are empty', of('one'), {
    ...configMap('one', { data: { c: '1' } }),
    metadata: { name: 'one', managedFields: [] },
  });
  t.put('another manager', `${of('one')}?fieldManager=other`, configMap('one', { data: { c: '1', d: '2' } }));
  t.put('the first manager again', of('one'), configMap('one', { data: { c: '2', d: '2' } }));

  t.post('generate a name', all, withMetadata({ generateName: 'gen-' }));
  t.post('generate a name, with a name', all, withMetadata({ generateName: 'gen-', name: 'named' }));
  t.post('generate a name that is bad', all, withMetadata({ generateName: 'Gen_' }));
  t.post('generate a name of 70 characters', `${all}?dryRun=All`, withMetadata({ generateName: 'g'.repeat(70) }));

  t.post('immutable', all, configMap('fixed', { data: { a: '1' }, binaryData: { b: 'AA==' }, immutable: true }));
  t.put('immutable data', of('fixed'), configMap('fixed', { data: { a: '2' }, binaryData: { b: 'AA==' }, immutable: true }));
  t.put('immutable binary data', of('fixed'), configMap('fixed', { data: { a: '1' }, immutable: true }));
  t.put('mutable again', of('fixed'), configMap('fixed', { data: { a: '1' }, binaryData: { b: 'AA==' }, immutable: false }));
  t.put('mutable by leaving it out', of('fixed'), configMap('fixed', { data: { a: '1' }, binaryData: { b: 'AA==' } }));
  t.put('labels of what is immutable', of('fixed'), {
    ...configMap('fixed', { data: { a: '1' }, binaryData: { b: 'AA==' }, immutable: true }),
    metadata: { name: 'fixed', labels: { new: 'label' } },
  });

  t.post('in a namespace that is not there', '/api/v1/namespaces/nowhere/configmaps', configMap('a'));
  t.post('in no namespace', '/api/v1/configmaps', configMap('a'));
  t.get('get without namespace', '/api/v1/configmaps/a');
  t.post('options: dryRun of another kind', `${all}?dryRun=Some`, configMap('a'));
  t.post('options: dryRun twice', `${all}?dryRun=All&dryRun=All`, configMap('a'));
  t.post('options: an empty dryRun', `${all}?dryRun=`, configMap('dry'));
  t.post('options: fieldValidation of another kind', `${all}?fieldValidation=Never`, configMap('a'));
  t.post('options: a manager that cannot be printed', `${all}?fieldManager=a%09b`, configMap('a'));
  t.post('options: a manager of 129 characters', `${all}?fieldManager=${'m'.repeat(129)}`, configMap('a'));
  t.post('options: pretty', `${all}?pretty=true&dryRun=All`, configMap('a'));
  t.put('options: dryRun of another kind on update', `${of('one')}?dryRun=Some`, configMap('one'));
  t.patch('options: force without apply', `${of('one')}?force=true`, 'merge', {});
  t.delete('delete', of('one'));
  t.delete('delete again', of('one'));
});
