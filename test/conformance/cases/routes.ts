import { topic } from '../exchange.ts';

const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'r' } };

export const routes = topic('routes', (t) => {
  const all = t.path('configmaps');
  const paths = [
    '/api/v2',
    '/apis/apps/v2',
    '/apis/nonsense/v1',
    '/apis/apps/v1/nonsense',
    '/api/v1/nonsense',
    '/api/v1/namespaces/x/nonsense',
    '/api/v1/namespaces/x/nonsense/y',
    `${all}/r/nonsense`,
    `${all}/r/status`,
    `${all}/r/a/b`,
    '/nonsense',
    '/apis/apps/v1/namespaces/x/deployments/y/nonsense',
    '/api/v1/pods/x',
    '/api/v1/configmaps/x',
    '/api/v1/namespaces/x/nodes',
    '/api/v1/namespaces/x/nodes/y',
    '/api/v1/namespaces/x/namespaces/y',
    '/apis/apps/v1/configmaps',
    '/api/v1/deployments',
    '/api/v1/nodes/x/status/y',
    '/api/v1/namespaces/x/finalize',
    '/api/v1/ConfigMaps',
    '/healthz',
    '/livez',
    '/readyz',
    '/healthz/nonsense',
    '/livez/ping',
    '/api/v1/',
    `${all}/`,
    '/version/x',
    '/apis/',
    '/api/',
  ];
  for (const path of paths) t.get(`GET ${path}`, path);
  const methods: [string, string][] = [
    ['POST', `${all}/r`],
    ['PUT', all],
    ['PATCH', all],
    ['POST', '/api/v1/configmaps'],
    ['DELETE', '/api/v1/nodes/none'],
    ['PUT', '/api/v1/nodes'],
    ['OPTIONS', all],
    ['TRACE', all],
    ['POST', '/version'],
    ['PUT', '/api'],
    ['DELETE', '/apis'],
    ['POST', '/healthz'],
    ['PROPFIND', all],
    ['DELETE', '/api/v1/namespaces'],
    ['POST', `/api/v1/namespaces/${t.ns}/finalize`],
    ['PATCH', `/api/v1/namespaces/${t.ns}/finalize`],
    ['GET', `/api/v1/namespaces/${t.ns}/finalize`],
    ['DELETE', '/api/v1/nodes/none/status'],
    ['POST', '/api/v1/nodes/none/status'],
    ['PUT', `${t.path('pods', 'p')}/log`],
    ['PUT', `${t.path('pods', 'p')}/binding`],
    ['DELETE', `${t.path('deployments', 'd', 'apps/v1')}/scale`],
  ];
  for (const [method, path] of methods) {
    t.add({
      name: `${method} ${path}`,
      method,
      path,
      ...(method === 'OPTIONS' || method === 'TRACE' || method === 'DELETE' || method === 'GET' ? {} : { body }),
    });
  }
  t.add({ name: 'HEAD of a list', method: 'HEAD', path: all });
  t.add({ name: 'HEAD of what is not there', method: 'HEAD', path: `${all}/none` });
  const accepts = [
    'text/plain',
    'text/*',
    'application/json',
    'application/yaml',
    'application/json;q=0',
    'application/json;q=x',
    'x',
    ';',
    'application/json;as=Table',
    'application/json;as=Table;g=meta.k8s.io',
    'application/json;as=Table;v=v1;g=example.com',
    'application/json;as=Nonsense;g=meta.k8s.io;v=v1',
    'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
    'application/yaml;as=Table;v=v1;g=meta.k8s.io',
    'application/json;charset=utf-8',
    'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  ];
  for (const accept of accepts) t.get(`accept ${accept} of a list`, `${all}?labelSelector=nothing`, { headers: { accept } });
  for (const accept of accepts) t.get(`accept ${accept} of a fault`, `${all}/none`, { headers: { accept } });
  t.get('accept protobuf of a page', '/version', { headers: { accept: 'application/vnd.kubernetes.protobuf' } });
  for (const type of [
    'application/json',
    'application/yaml',
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/merge-patch+json',
    'application/json-patch+json',
    '',
  ]) {
    t.put(`PUT as ${type || '(nothing)'}`, `${all}/r`, body, { headers: { 'content-type': type } });
  }
  t.get('pretty', `${all}?labelSelector=nothing&pretty=true`);
  t.get('a parameter that is not known', `${all}?labelSelector=nothing&wrong=x`);
  t.get('a parameter twice', `${all}?labelSelector=nothing&labelSelector=app`);
  t.get('an escape that is broken', `${all}?labelSelector=%zz`);
  t.get('a name with an escape', `${all}/a%2Fb`);
  t.get('a name in capitals', `${all}/ABC`);
  t.get('resources of the core group', '/api/v1/namespaces/x/pods/y/portforward/z');
});
