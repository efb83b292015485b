import { topic } from '../exchange.ts';

const container = { name: 'main', image: 'busybox:1' };
const podTemplate = (name: string, template: object | undefined, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'PodTemplate',
  metadata: { name, ...metadata },
  ...(template === undefined ? {} : { template }),
});
const pod = (spec: object = {}, labels: object = { app: 'a' }) => ({ metadata: { labels }, spec: { containers: [container], ...spec } });

/** Templates that are taken or refused. */
const templates: Record<string, object | undefined> = {
  'no template': undefined,
  'an empty one': {},
  'no container': { spec: { containers: [] } },
  'a container without image': { spec: { containers: [{ name: 'main' }] } },
  'no labels': { spec: { containers: [container] } },
  'a bad label': pod({}, { 'a b': 'c' }),
  'a bad annotation': { metadata: { annotations: { 'a b': 'c' } }, spec: { containers: [container] } },
  'a pod that runs once': pod({ restartPolicy: 'Never' }),
  'a deadline': pod({ activeDeadlineSeconds: 5 }),
  'a restart policy that is none': pod({ restartPolicy: 'Sometimes' }),
  'an ephemeral container': pod({ ephemeralContainers: [{ name: 'debug', image: 'busybox:1' }] }),
  'an unknown field': { ...pod(), more: 1 },
};

export const podTemplates = topic('pod-templates', (t) => {
  const all = t.path('podtemplates');
  const one = t.path('podtemplates', 'one');
  for (const [name, template] of Object.entries(templates)) t.post(`a template: ${name}`, `${all}?dryRun=All`, podTemplate('t', template));
  t.post('a bad name', all, podTemplate('Bad', pod()));
  t.post('create', all, podTemplate('one', pod(), { generation: 7 }));
  t.get('get', one);
  t.get('get as a Table', one, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } });
  t.put('the same again', one, podTemplate('one', pod()));
  t.put('other labels of its own', one, podTemplate('one', pod(), { labels: { x: 'y' } }));
  t.put('another template', one, podTemplate('one', pod({ restartPolicy: 'OnFailure' })));
  t.put('a bad template', one, podTemplate('one', { spec: { containers: [] } }));
  t.patch('patch the container', one, 'strategic', { template: { spec: { containers: [{ name: 'main', image: 'busybox:2' }] } } });
  t.patch(
    'apply',
    `${one}?fieldManager=owner`,
    'apply',
    podTemplate('one', { spec: { containers: [{ name: 'main', image: 'busybox:3' }] } }),
  );
  t.get('list all', '/api/v1/podtemplates?fieldSelector=metadata.name%3Done');
  t.get('its status', `${one}/status`);
  t.delete('delete', one);
});
