import { topic } from '../exchange.ts';

const table = (version = 'v1') => ({ headers: { accept: `application/json;as=Table;v=${version};g=meta.k8s.io` } });
const partial = (kind: string, version = 'v1') => ({ headers: { accept: `application/json;as=${kind};v=${version};g=meta.k8s.io` } });
const encoded = encodeURIComponent;

const labels = [
  'app',
  '!app',
  'app=a',
  'app==a',
  'app!=a',
  'app in (a,b)',
  'app notin (a)',
  'app in (a),tier',
  'app in ()',
  'app=',
  'app in (a,,b)',
  ' app = a ',
  'app,',
  ',app',
  'app=a=b',
  'app in a',
  'app in (a',
  '!app=a',
  'app>1',
  'size>1',
  'size<5',
  'size>x',
  'size>1,size<9',
  'a b',
  '=a',
  'app!',
  'app notin',
  '!',
  'app=a b',
  'example.com/x=y',
  'a/b/c',
  `${'k'.repeat(64)}=a`,
  `app=${'v'.repeat(64)}`,
  'app=-a',
  'in=in',
  'app in (in,notin)',
  'app=a,app=b',
  'nothing=here',
  'app=a;tier=b',
  '(app)',
  'app exists',
  'app===a',
];
const fields = [
  'metadata.name=one',
  'metadata.name==one',
  'metadata.name!=one',
  'metadata.namespace=conf-lists',
  'metadata.name=one,metadata.namespace=conf-lists',
  'metadata.name=one,metadata.name=two',
  'metadata.name',
  'metadata.name=',
  'metadata.uid=x',
  'data.a=1',
  '=x',
  'metadata.name=a\\,b',
  'metadata.name in (one)',
  ',',
  'metadata.name=one,',
  'metadata.name=a=b',
  'metadata.name=a\\x',
  '!metadata.name',
];

export const lists = topic('lists', (t) => {
  const all = t.path('configmaps');
  const made: [string, Record<string, string>][] = [
    ['one', { app: 'a', size: '1' }],
    ['two', { app: 'b', tier: 'x', size: '5' }],
    ['three', { app: 'a', tier: 'y', size: '10' }],
    ['four', {}],
    ['five', { 'example.com/x': 'y', in: 'in', size: 'x' }],
  ];
  for (const [name, own] of made) {
    t.post(
      `create ${name}`,
      all,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: own } },
      { keep: { [`version${name}`]: '/metadata/resourceVersion' } },
    );
  }
  t.get('all', all, { keep: { version: '/metadata/resourceVersion' } });
  for (const selector of labels)
    t.get(`label selector ${selector}`, `${all}?labelSelector=${encoded(selector)}`, partial('PartialObjectMetadataList'));
  for (const selector of fields)
    t.get(`field selector ${selector}`, `${all}?fieldSelector=${encoded(selector)}`, partial('PartialObjectMetadataList'));
  t.get('both selectors', `${all}?labelSelector=app&fieldSelector=metadata.name%3Done`);
  t.get('by a name and a selector', `${all}/one?labelSelector=app%3Dnone`);

  t.get('page 1', `${all}?limit=2`, { keep: { next: '/metadata/continue' } });
  t.post('a newcomer between the pages', all, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'later' } });
  t.delete('a loss between the pages', t.path('configmaps', 'three'));
  t.get('page 2', `${all}?limit=2&continue={next}`, { keep: { next: '/metadata/continue' } });
  t.get('page 3', `${all}?limit=2&continue={next}`);
  t.get('page 3 without limit', `${all}?continue={next}`);
  t.get('a page with selector', `${all}?limit=1&labelSelector=app`, { keep: { chosen: '/metadata/continue' } });
  t.get('its next page', `${all}?limit=1&labelSelector=app&continue={chosen}`);
  t.get('a page of one too many', `${all}?limit=100`);
  t.get('a limit of zero', `${all}?limit=0`);
  t.get('a negative limit', `${all}?limit=-1`);
  t.get('a limit that is no number', `${all}?limit=x`);
  t.get('a bad token', `${all}?limit=2&continue=x`);
  t.get('a token that is no JSON', `${all}?limit=2&continue=${encoded(Buffer.from('x').toString('base64url'))}`);
  t.get(
    'a token of another version',
    `${all}?limit=2&continue=${encoded(Buffer.from('{"v":"v1","rv":1,"start":"a"}').toString('base64url'))}`,
  );
  t.get(
    'a token that goes up',
    `${all}?limit=2&continue=${encoded(Buffer.from('{"v":"meta.k8s.io/v1","rv":1,"start":"../x"}').toString('base64url'))}`,
  );
  t.get('a token and a version', `${all}?limit=2&continue={next}&resourceVersion={version}`);
  t.get('a token and version zero', `${all}?limit=2&continue={next}&resourceVersion=0`);
  t.get('a token and a match', `${all}?limit=2&continue={next}&resourceVersionMatch=Exact`);

  t.get('as of zero', `${all}?resourceVersion=0`);
  t.get('as of zero with limit', `${all}?resourceVersion=0&limit=1`);
  t.get('not older than', `${all}?resourceVersion={versiontwo}&resourceVersionMatch=NotOlderThan`);
  t.get('exactly', `${all}?resourceVersion={version}&resourceVersionMatch=Exact`);
  t.get('exactly long ago', `${all}?resourceVersion={versiontwo}&resourceVersionMatch=Exact`);
  t.get('exactly with limit', `${all}?resourceVersion={version}&resourceVersionMatch=Exact&limit=2`);
  t.get('exactly zero', `${all}?resourceVersion=0&resourceVersionMatch=Exact`);
  t.get('a match without version', `${all}?resourceVersionMatch=Exact`);
  t.get('a match that is not known', `${all}?resourceVersion={version}&resourceVersionMatch=Roughly`);
  t.get('a version that is no number', `${all}?resourceVersion=x`);
  t.get('a negative version', `${all}?resourceVersion=-1`);
  t.get('a version with limit', `${all}?resourceVersion={version}&limit=2`);
  t.get('initial events of a list', `${all}?sendInitialEvents=true`);
  t.get('initial events of a list, false', `${all}?sendInitialEvents=false`);
  t.get('bookmarks of a list', `${all}?allowWatchBookmarks=true`);
  t.get('a timeout of a list', `${all}?timeoutSeconds=5`);
  t.get('a bad timeout of a list', `${all}?timeoutSeconds=x`);

  for (const version of ['v1', 'v1beta1']) {
    t.get(`a table, ${version}`, all, table(version));
    t.get(`a table of one, ${version}`, `${all}/one`, table(version));
    t.get(`metadata, ${version}`, all, partial('PartialObjectMetadataList', version));
    t.get(`metadata of one, ${version}`, `${all}/one`, partial('PartialObjectMetadata', version));
  }
  t.get('a table of a page', `${all}?limit=1`, table());
  t.get('a table of nothing', `${all}?labelSelector=nothing`, table());
  t.get('a table with objects', `${all}?includeObject=Object&limit=1`, table());
  t.get('a table without objects', `${all}?includeObject=None&limit=1`, table());
  t.get('a table with what is not known', `${all}?includeObject=Some`, table());
  t.get('metadata as of one of a list', all, partial('PartialObjectMetadata'));
  t.get('metadata as of a list of one', `${all}/one`, partial('PartialObjectMetadataList'));
  t.get('a table of what is not there', `${all}/none`, table());
  t.post('a table of what is made', `${all}?dryRun=All`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'made' } }, table());
  t.put(
    'metadata of what is replaced',
    `${all}/one?dryRun=All`,
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' } },
    partial('PartialObjectMetadata'),
  );
  t.get('an empty list', t.path('secrets'));
  t.get('an empty list of a group', t.path('deployments', '', 'apps/v1'));
  t.get('a list in a namespace that is not there', '/api/v1/namespaces/nowhere/configmaps');
  t.get('a list of all namespaces', `/api/v1/configmaps?labelSelector=app%3Da`);
  t.get('a table of all namespaces', `/api/v1/configmaps?labelSelector=app%3Da`, table());
  for (const resource of ['pods', 'secrets', 'serviceaccounts', 'events']) t.get(`columns of ${resource}`, t.path(resource), table());
  t.get('columns of deployments', t.path('deployments', '', 'apps/v1'), table());
  t.get('columns of replicasets', t.path('replicasets', '', 'apps/v1'), table());
  t.get('columns of leases', t.path('leases', '', 'coordination.k8s.io/v1'), table());
  t.get('columns of nodes', '/api/v1/nodes?labelSelector=nothing', table());
  t.get('columns of namespaces', '/api/v1/namespaces?labelSelector=nothing', table());
});
