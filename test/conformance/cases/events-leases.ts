import { topic } from '../exchange.ts';

export const eventsAndLeases = topic('events-leases', (t) => {
  const involved = { kind: 'Pod', namespace: t.ns, name: 'p', uid: 'u', apiVersion: 'v1', fieldPath: 'spec' };
  const event = (name: string, more: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name },
    involvedObject: involved,
    reason: 'R',
    message: 'm',
    type: 'Normal',
    ...more,
  });
  const events = t.path('events');
  const given: Record<string, object> = {
    'the least': {},
    'of another type': { type: 'Strange' },
    'without an object': { involvedObject: {} },
    'of an object elsewhere': { involvedObject: { ...involved, namespace: 'other' } },
    'of an object without namespace': { involvedObject: { kind: 'Node', name: 'n' } },
    'with times and count': {
      firstTimestamp: '2001-01-01T00:00:00Z',
      lastTimestamp: '2001-01-01T00:00:01Z',
      count: 3,
      source: { component: 'c', host: 'h' },
    },
    'with an event time': {
      eventTime: '2001-01-01T00:00:00.000000Z',
      reportingComponent: 'example.com/c',
      reportingInstance: 'i',
      action: 'A',
    },
    'with an event time and nothing else': { eventTime: '2001-01-01T00:00:00.000000Z' },
    'with a bad reporter': { eventTime: '2001-01-01T00:00:00.000000Z', reportingComponent: 'a b', reportingInstance: 'i', action: 'A' },
    'with a series': {
      eventTime: '2001-01-01T00:00:00.000000Z',
      reportingComponent: 'c',
      reportingInstance: 'i',
      action: 'A',
      series: { count: 2, lastObservedTime: '2001-01-01T00:00:00.000000Z' },
    },
    'with a long message': { message: 'x'.repeat(1025) },
    'with a long reason': { reason: 'x'.repeat(129) },
    'with a bad event time': { eventTime: 'now' },
  };
  for (const [what, more] of Object.entries(given)) t.post(`event: ${what}`, `${events}?dryRun=All`, event('e', more));
  t.post('event: create', events, event('one', { count: 1 }));
  t.patch('event: count', t.path('events', 'one'), 'strategic', { count: 2 });
  t.patch('event: another object', t.path('events', 'one'), 'merge', { involvedObject: { name: 'q' } });
  t.put('event: PUT creates', t.path('events', 'two'), event('two', { type: 'Warning', reason: 'Other' }));
  t.get('event: by object', `${events}?fieldSelector=involvedObject.name%3Dp,involvedObject.kind%3DPod`);
  t.get('event: by type', `${events}?fieldSelector=type%3DWarning`);
  t.get('event: by reason and source', `${events}?fieldSelector=reason%3DOther,source%3D`);
  t.get('event: by another field', `${events}?fieldSelector=message%3Dm`);
  t.get('event: as a table', events, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } });
  t.delete('event: delete', t.path('events', 'one'));

  const leases = t.path('leases', '', 'coordination.k8s.io/v1');
  const lease = (name: string) => t.path('leases', name, 'coordination.k8s.io/v1');
  const of = (name: string, spec: object) => ({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name }, spec });
  const specs: Record<string, object> = {
    nothing: {},
    everything: {
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      leaseTransitions: 1,
      acquireTime: '2001-01-01T00:00:00.123456Z',
      renewTime: '2001-01-01T00:00:01.000000Z',
    },
    'no duration': { leaseDurationSeconds: 0 },
    'a negative duration': { leaseDurationSeconds: -1 },
    'negative transitions': { leaseTransitions: -1 },
    'an empty holder': { holderIdentity: '' },
    'a time without fraction': { renewTime: '2001-01-01T00:00:01Z' },
    'a time with nanoseconds': { renewTime: '2001-01-01T00:00:01.123456789Z' },
    'a time with an offset': { renewTime: '2001-01-01T00:00:01.000000+02:00' },
    'a bad time': { renewTime: 'now' },
    'a strategy': { strategy: 'OldestEmulationVersion' },
    'a preferred holder without strategy': { preferredHolder: 'x' },
  };
  for (const [what, spec] of Object.entries(specs)) t.post(`lease: ${what}`, `${leases}?dryRun=All`, of('l', spec));
  t.post('lease: create', leases, of('l', { holderIdentity: 'me', leaseDurationSeconds: 15 }), {
    keep: { version: '/metadata/resourceVersion' },
  });
  t.put('lease: replace without version', lease('l'), of('l', { holderIdentity: 'you' }));
  t.put('lease: replace with an old version', lease('l'), { ...of('l', {}), metadata: { name: 'l', resourceVersion: '{version}' } });
  t.put('lease: PUT creates', lease('new'), of('new', {}));
  t.patch('lease: merge', lease('l'), 'merge', { spec: { leaseTransitions: 3 } });
  t.get('lease: as a table', leases, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } });
  t.get('lease: by a field', `${leases}?fieldSelector=spec.holderIdentity%3Dme`);
  t.delete('lease: delete', lease('l'));
});
