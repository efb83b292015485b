import { topic } from '../exchange.ts';

const time = '2026-01-02T03:04:05.678901Z';

/** Events that are taken or refused, as changes of a good one. */
const changes: Record<string, object> = {
  'a good one': {},
  'no time': { eventTime: null },
  'no reporter': { reportingController: '' },
  'a reporter that is no name': { reportingController: 'a b' },
  'no instance': { reportingInstance: '' },
  'an instance of 129 characters': { reportingInstance: 'i'.repeat(129) },
  'no action': { action: '' },
  'an action of 129 characters': { action: 'a'.repeat(129) },
  'no reason': { reason: '' },
  'a note of 1025 characters': { note: 'n'.repeat(1025) },
  'no type': { type: '' },
  'a type that is none': { type: 'Bad' },
  'a series of one': { series: { count: 1, lastObservedTime: time } },
  'a series without time': { series: { count: 2, lastObservedTime: null } },
  'a series': { series: { count: 2, lastObservedTime: time } },
  'a source': { deprecatedSource: { component: 'c', host: 'h' } },
  'a first time': { deprecatedFirstTimestamp: '2026-01-02T03:04:05Z' },
  'a last time': { deprecatedLastTimestamp: '2026-01-02T03:04:05Z' },
  'a count': { deprecatedCount: 3 },
  'about something in no namespace': { regarding: { kind: 'Node', name: 'n' } },
  'an unknown field': { message: 'of the other group' },
};

export const eventsOfGroup = topic('events-of-group', (t) => {
  const all = t.path('events', '', 'events.k8s.io/v1');
  const of = (name: string): string => t.path('events', name, 'events.k8s.io/v1');
  const good = (name: string, more: object = {}) => ({
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name },
    eventTime: time,
    reportingController: 'example.com/reporter',
    reportingInstance: 'reporter-1',
    action: 'Doing',
    reason: 'Done',
    type: 'Normal',
    note: 'it was done',
    regarding: { apiVersion: 'v1', kind: 'Pod', namespace: t.ns, name: 'p', fieldPath: 'spec.containers{a}' },
    ...more,
  });
  for (const [name, change] of Object.entries(changes)) t.post(`create: ${name}`, `${all}?dryRun=All`, good('e', change));
  t.post('create', all, good('one'));
  t.post('create again', all, good('one'));
  t.post('without name', all, { ...good('x'), metadata: {} });
  t.get('get', of('one'));
  t.get('get in the core group', t.path('events', 'one'));
  t.get('get what is not there', of('none'));
  t.get('get as a Table', of('one'), { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } });
  t.post('create one in the core group', t.path('events'), {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'old' },
    involvedObject: { kind: 'Pod', namespace: t.ns, name: 'q' },
    message: 'of old',
    reason: 'Old',
    source: { component: 'older' },
    count: 4,
    firstTimestamp: '2026-01-02T03:04:05Z',
    lastTimestamp: '2026-01-02T03:05:05Z',
    type: 'Warning',
  });
  t.get('get it in this group', of('old'));
  t.get('list', all);
  t.get('select by what they are about', `${all}?fieldSelector=regarding.name%3Dp,type%3DNormal`);
  t.get('select by who reports', `${all}?fieldSelector=reportingController!%3Dexample.com/reporter`);
  t.get('select by a name of the other group', `${all}?fieldSelector=involvedObject.name%3Dp`);
  t.put('a series begins', of('one'), good('one', { series: { count: 2, lastObservedTime: time } }));
  t.put('a series of one', of('one'), good('one', { series: { count: 1, lastObservedTime: time } }));
  for (const [name, change] of Object.entries({
    'another note': { note: 'else' },
    'another reason': { reason: 'Else' },
    'another type': { type: 'Warning' },
    'another time': { eventTime: '2026-01-02T03:04:06.000000Z' },
    'another action': { action: 'Else' },
    'another subject': { regarding: { kind: 'Pod', namespace: t.ns, name: 'other' } },
    'another reporter': { reportingController: 'else' },
    'another instance': { reportingInstance: 'else' },
    'something related': { related: { kind: 'Pod', name: 'r' } },
  })) {
    t.put(`change: ${name}`, of('one'), good('one', { series: { count: 2, lastObservedTime: time }, ...change }));
  }
  t.patch('patch the series', of('one'), 'merge', { series: { count: 3 } });
  t.patch('patch the labels', of('one'), 'strategic', { metadata: { labels: { a: 'b' } } });
  t.patch('patch what is not there', of('none'), 'merge', { series: { count: 3 } });
  t.delete('delete', of('one'));
  t.delete('delete what is not there', of('one'));
  t.delete('delete the rest', `${all}?fieldSelector=reason%3DOld`);
  t.get('list what is left', all);
});
