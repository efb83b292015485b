import { topic } from '../exchange.ts';

/** EndpointSlices, Endpoints and ControllerRevisions as objects: every rule accepted and refused, patches, tables. */
export const endpoints = topic('endpoints', (t) => {
  const table = { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } };
  const group = 'discovery.k8s.io/v1';
  const slices = t.path('endpointslices', '', group);
  const sliceAt = (name: string): string => t.path('endpointslices', name, group);
  const slice = (more: object, name = 's') => ({
    apiVersion: group,
    kind: 'EndpointSlice',
    metadata: { name },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.2.3'] }],
    ports: [{ name: 'http', port: 80 }],
    ...more,
  });
  const one = (endpoint: object) => slice({ endpoints: [{ addresses: ['10.1.2.3'], ...endpoint }] });
  const addresses = (addressType: string, ...given: readonly string[]) => slice({ addressType, endpoints: [{ addresses: given }] });
  const many = (count: number, item: (index: number) => unknown): unknown[] => Array.from({ length: count }, (_none, index) => item(index));
  const given: Record<string, object> = {
    'the least': { apiVersion: group, kind: 'EndpointSlice', metadata: { name: 's' }, addressType: 'IPv4', endpoints: [] },
    'no endpoints': { apiVersion: group, kind: 'EndpointSlice', metadata: { name: 's' }, addressType: 'IPv4' },
    whole: slice({}),
    'no type': slice({ addressType: undefined }),
    'an unknown type': slice({ addressType: 'IP' }),
    'a bad name': slice({}, 'Bad_'),
    'no addresses': one({ addresses: [] }),
    'addresses missing': slice({ endpoints: [{}] }),
    'too many addresses': slice({ endpoints: [{ addresses: many(101, (i) => `10.1.2.${i + 1}`) }] }),
    'too many endpoints': slice({ endpoints: many(1001, () => ({ addresses: ['10.1.2.3'] })) }),
    'an address that is none': addresses('IPv4', 'here'),
    'an IPv6 address for IPv4': addresses('IPv4', '2001:db8::1'),
    'an IPv4 address with zeros': addresses('IPv4', '010.001.002.003'),
    'a loopback address': addresses('IPv4', '127.0.0.1'),
    'an unspecified address': addresses('IPv4', '0.0.0.0'),
    'a link-local address': addresses('IPv4', '169.254.0.1'),
    'a multicast address': addresses('IPv4', '224.0.0.5'),
    IPv6: addresses('IPv6', '2001:db8::1'),
    'IPv6, not canonical': addresses('IPv6', '2001:DB8:0::1'),
    'an IPv4 address for IPv6': addresses('IPv6', '10.1.2.3'),
    'IPv6 that is none': addresses('IPv6', 'x'),
    'IPv6 loopback': addresses('IPv6', '::1'),
    names: addresses('FQDN', 'a.example.com'),
    'names with a dot at the end': addresses('FQDN', 'a.example.com.'),
    'a name of one word': addresses('FQDN', 'example'),
    'a bad name for an address': addresses('FQDN', 'A_b.c'),
    'an empty name for an address': addresses('FQDN', ''),
    conditions: one({ conditions: { ready: true, serving: true, terminating: false } }),
    'a node': one({ nodeName: 'node-1' }),
    'a bad node': one({ nodeName: 'Node_1' }),
    'a host name': one({ hostname: 'a' }),
    'a bad host name': one({ hostname: 'a.b' }),
    'a zone': one({ zone: 'z' }),
    'old topology': one({ deprecatedTopology: { a: 'b' } }),
    hints: one({ hints: { forZones: [{ name: 'a' }], forNodes: [{ name: 'n' }] } }),
    'hints twice': one({ hints: { forZones: [{ name: 'a' }, { name: 'a' }] } }),
    'bad hints': one({ hints: { forZones: [{ name: 'a b' }] } }),
    'too many hints': one({ hints: { forZones: many(9, (i) => ({ name: `z${i}` })) } }),
    'a target': one({ targetRef: { kind: 'Pod', namespace: t.ns, name: 'p', uid: 'u' } }),
    'ports without names': slice({ ports: [{ port: 80 }] }),
    'two ports without names': slice({ ports: [{ port: 80 }, { port: 81 }] }),
    'two ports of a name': slice({
      ports: [
        { name: 'a', port: 80 },
        { name: 'a', port: 81 },
      ],
    }),
    'a bad port name': slice({ ports: [{ name: 'A_b', port: 80 }] }),
    'a bad protocol': slice({ ports: [{ name: 'a', port: 80, protocol: 'X' }] }),
    'no port number': slice({ ports: [{ name: 'a' }] }),
    'port 0': slice({ ports: [{ name: 'a', port: 0 }] }),
    'an application protocol': slice({ ports: [{ name: 'a', port: 80, appProtocol: 'http' }] }),
    'a bad application protocol': slice({ ports: [{ name: 'a', port: 80, appProtocol: 'a b' }] }),
    'no ports': slice({ ports: [] }),
  };
  for (const [what, body] of Object.entries(given)) t.post(`slice: ${what}`, `${slices}?dryRun=All`, body);
  t.post('slice: create', slices, slice({}, 'one'));
  t.put('slice: PUT of what is not there', sliceAt('two'), slice({}, 'two'));
  t.patch('slice: an endpoint', sliceAt('one'), 'merge', { endpoints: [{ addresses: ['10.1.2.4'], conditions: { ready: false } }] });
  t.patch('slice: a label', sliceAt('one'), 'merge', { metadata: { labels: { 'kubernetes.io/service-name': 'web' } } });
  t.patch('slice: an annotation', sliceAt('one'), 'merge', { metadata: { annotations: { a: 'b' } } });
  t.patch('slice: strategic', sliceAt('one'), 'strategic', {
    endpoints: [{ addresses: ['10.1.2.5'] }],
    ports: [{ name: 'http', port: 81 }],
  });
  t.patch('slice: another type', sliceAt('one'), 'merge', { addressType: 'FQDN', endpoints: [] });
  t.patch('slice: apply', `${sliceAt('one')}?fieldManager=m`, 'apply', {
    apiVersion: group,
    kind: 'EndpointSlice',
    metadata: { name: 'one' },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.2.5'] }],
  });
  t.patch('slice: apply by force', `${sliceAt('one')}?fieldManager=m&force=true`, 'apply', {
    apiVersion: group,
    kind: 'EndpointSlice',
    metadata: { name: 'one' },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.2.6'] }, { addresses: ['10.1.2.7'] }],
  });
  t.post(
    'slice: one with many',
    slices,
    slice(
      { endpoints: many(5, (i) => ({ addresses: [`10.1.3.${i + 1}`] })), ports: many(4, (i) => ({ name: `p${i}`, port: 80 + i })) },
      'many',
    ),
  );
  t.post('slice: one with none', slices, slice({ endpoints: [], ports: [{ name: 'named' }] }, 'none'));
  t.get('slice: as a table', slices, table);
  t.get('slice: by label', `${slices}?labelSelector=kubernetes.io%2Fservice-name%3Dweb`);
  t.get('slice: by a field', `${slices}?fieldSelector=addressType%3DIPv4`);
  t.delete('slice: delete', sliceAt('one'));

  const eps = t.path('endpoints');
  const epsAt = (name: string): string => t.path('endpoints', name);
  const subsets = (...of: readonly object[]) => ({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'e' }, subsets: of });
  const address = { addresses: [{ ip: '10.1.2.3' }] };
  const old: Record<string, object> = {
    'the least': { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'e' } },
    whole: subsets({ ...address, ports: [{ port: 80 }] }),
    'a bad name': { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'Bad_' } },
    'an empty subset': subsets({}),
    'only unready': subsets({ notReadyAddresses: [{ ip: '10.1.2.3' }] }),
    'no address': subsets({ addresses: [{}] }),
    'a bad address': subsets({ addresses: [{ ip: 'x' }], notReadyAddresses: [{ ip: 'y' }] }),
    'a loopback address': subsets({ addresses: [{ ip: '127.0.0.1' }] }),
    'an address with zeros': subsets({ addresses: [{ ip: '010.001.002.003' }] }),
    'a host name': subsets({ addresses: [{ ip: '10.1.2.3', hostname: 'a' }] }),
    'a bad host name': subsets({ addresses: [{ ip: '10.1.2.3', hostname: 'a.b' }] }),
    'a node': subsets({ addresses: [{ ip: '10.1.2.3', nodeName: 'n' }] }),
    'a bad node': subsets({ addresses: [{ ip: '10.1.2.3', nodeName: 'N_' }] }),
    'a target': subsets({ addresses: [{ ip: '10.1.2.3', targetRef: { kind: 'Pod', name: 'p' } }] }),
    'two ports, one without name': subsets({ ...address, ports: [{ port: 80, name: 'a' }, { port: 81 }] }),
    'a bad port name': subsets({ ...address, ports: [{ port: 80, name: 'A' }] }),
    'port 0': subsets({ ...address, ports: [{ port: 0 }] }),
    'a bad protocol': subsets({ ...address, ports: [{ port: 80, protocol: 'X' }] }),
    'a bad application protocol': subsets({ ...address, ports: [{ port: 80, appProtocol: 'a b' }] }),
  };
  for (const [what, body] of Object.entries(old)) t.post(`endpoints: ${what}`, `${eps}?dryRun=All`, body);
  t.post('endpoints: create', eps, subsets({ ...address, ports: [{ port: 80 }] }));
  t.patch('endpoints: more addresses', epsAt('e'), 'merge', {
    subsets: [{ addresses: many(5, (i) => ({ ip: `10.1.3.${i + 1}` })), ports: [{ port: 80 }] }],
  });
  t.patch('endpoints: strategic', epsAt('e'), 'strategic', { subsets: [{ addresses: [{ ip: '10.1.2.4' }] }] });
  t.patch('endpoints: apply', `${epsAt('e')}?fieldManager=m&force=true`, 'apply', {
    ...subsets({ ...address, ports: [{ port: 80, name: 'a' }] }),
  });
  t.put('endpoints: PUT creates', epsAt('f'), { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'f' } });
  t.get('endpoints: as a table', eps, table);
  t.delete('endpoints: delete', epsAt('e'));

  const apps = 'apps/v1';
  const revisions = t.path('controllerrevisions', '', apps);
  const revisionAt = (name: string): string => t.path('controllerrevisions', name, apps);
  const revision = (more: object, name = 'r') => ({
    apiVersion: apps,
    kind: 'ControllerRevision',
    metadata: { name },
    revision: 1,
    data: { spec: { a: 1 } },
    ...more,
  });
  const states: Record<string, object> = {
    whole: revision({}),
    'no data': revision({ data: undefined }),
    'null for data': revision({ data: null }),
    'a list for data': revision({ data: [1] }),
    'text for data': revision({ data: 'a' }),
    'empty data': revision({ data: {} }),
    'an object for data': revision({ data: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: 'b' } } }),
    'a large number in its data': revision({ data: { n: Number.MAX_SAFE_INTEGER } }),
    'revision -1': revision({ revision: -1 }),
    'no revision': revision({ revision: undefined }),
    'a bad name': revision({}, 'Bad_'),
  };
  for (const [what, body] of Object.entries(states)) t.post(`revision: ${what}`, `${revisions}?dryRun=All`, body);
  t.post('revision: create', revisions, revision({}, 'one'));
  t.post('revision: create with an owner', revisions, {
    ...revision({}),
    metadata: { name: 'owned', ownerReferences: [{ apiVersion: apps, kind: 'StatefulSet', name: 'db', uid: 'u', controller: true }] },
  });
  t.patch('revision: another number', revisionAt('one'), 'merge', { revision: 2 });
  t.patch('revision: a label', revisionAt('one'), 'strategic', { metadata: { labels: { a: 'b' } } });
  t.patch('revision: other data', revisionAt('one'), 'merge', { data: { spec: { a: 2 } } });
  t.patch('revision: a negative number', revisionAt('one'), 'merge', { revision: -1 });
  t.put('revision: PUT of what is not there', revisionAt('two'), revision({}, 'two'));
  t.patch('revision: apply', `${revisionAt('one')}?fieldManager=m`, 'apply', revision({ revision: 2, data: undefined }, 'one'));
  t.get('revision: as a table', revisions, table);
  t.delete('revision: delete', revisionAt('one'));
});
