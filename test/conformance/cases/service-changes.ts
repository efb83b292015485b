import { topic } from '../exchange.ts';

/** What happens to Services that are there: updates, patches, types that change, allocation, tables, status. */
export const serviceChanges = topic('service-changes', (t) => {
  const list = t.path('services');
  const at = (name: string, sub = ''): string => `${t.path('services', name)}${sub ? `/${sub}` : ''}`;
  const service = (name: string, spec: object, more: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [{ port: 80 }], ...spec },
    ...more,
  });
  const table = { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } };

  t.post('create', list, service('web', { selector: { app: 'web' } }), { keep: { web: '' } });
  t.get('read', at('web'));
  t.post('create it again', list, service('web', {}));
  t.post('create with an address', list, service('fixed', { clusterIP: '10.96.0.20' }));
  t.post('the address again', list, service('other', { clusterIP: '10.96.0.20' }));
  t.post('the address again, dry', `${list}?dryRun=All`, service('other', { clusterIP: '10.96.0.20' }));
  t.post('an address of another range', list, service('other', { clusterIP: '10.97.0.1' }));
  t.post('the address of the network', list, service('other', { clusterIP: '10.96.0.0' }));
  t.post('the broadcast address', list, service('other', { clusterIP: '10.96.255.255' }));
  t.delete('delete it', at('fixed'));
  t.post('the address once more', list, service('other', { clusterIP: '10.96.0.20' }));
  t.post('create a port of nodes', list, service('node', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_010 }] }));
  t.post('the port of nodes again', list, service('node2', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_010 }] }));
  t.post(
    'the port of nodes again, dry',
    `${list}?dryRun=All`,
    service('node2', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_010 }] }),
  );
  t.post('a port of nodes out of range', list, service('node2', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }));
  t.post(
    'a port of nodes out of range, dry',
    `${list}?dryRun=All`,
    service('node2', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }),
  );
  t.post('any port of nodes', list, service('any', { type: 'NodePort' }), { keep: { any: '' } });
  t.post('a balancer', list, service('balancer', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }));
  t.post('a balancer without ports of nodes', list, service('plain', { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false }));
  t.post(
    'a health check port that is taken',
    list,
    service('health', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_010 }),
  );
  t.post(
    'a health check port',
    list,
    service('health', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_012 }),
  );
  t.patch('another health check port', at('health'), 'merge', { spec: { healthCheckNodePort: 30_013 } });
  t.patch('no health check port any more', at('health'), 'merge', { spec: { externalTrafficPolicy: 'Cluster' } });
  t.post('headless', list, service('headless', { clusterIP: 'None', selector: { app: 'web' } }));
  t.post('headless without selector', list, service('bare', { clusterIP: 'None' }));
  t.post('an external name', list, service('name', { type: 'ExternalName', externalName: 'example.com', ports: undefined }));
  t.get('all as a table', list, table);
  t.get('one as a table', at('web'), table);
  t.get('by type', `${list}?fieldSelector=spec.type%3DExternalName`);
  t.get('by address', `${list}?fieldSelector=spec.clusterIP%3DNone`);
  t.get('by another field', `${list}?fieldSelector=spec.sessionAffinity%3DNone`);

  t.put('PUT without the address', at('web'), service('web', { selector: { app: 'web' } }));
  t.put('PUT with another address', at('web'), service('web', { clusterIP: '10.96.0.30' }));
  t.put('PUT with None', at('web'), service('web', { clusterIP: 'None', selector: { app: 'web' } }));
  t.put('PUT creates', at('made'), service('made', {}));
  t.put('PUT of another name', at('web'), service('other', {}));
  t.patch('strategic: a second port', at('web'), 'strategic', {
    spec: {
      ports: [
        { port: 80, name: 'http', protocol: 'TCP' },
        { port: 443, name: 'https' },
      ],
    },
  });
  t.patch('strategic: a port by its number', at('web'), 'strategic', { spec: { ports: [{ port: 443, targetPort: 8443 }] } });
  t.patch('strategic: a port goes', at('web'), 'strategic', { spec: { ports: [{ $patch: 'delete', port: 80 }] } });
  t.patch('strategic: an unnamed second port', at('web'), 'strategic', { spec: { ports: [{ port: 99 }] } });
  t.patch('merge: ports', at('web'), 'merge', { spec: { ports: [{ port: 80 }] } });
  t.patch('merge: no ports', at('web'), 'merge', { spec: { ports: null } });
  t.patch('merge: the selector', at('web'), 'merge', { spec: { selector: { app: null, tier: 'front' } } });
  t.patch('merge: no address', at('web'), 'merge', { spec: { clusterIP: null } });
  t.patch('merge: an empty address', at('web'), 'merge', { spec: { clusterIP: '', clusterIPs: [] } });
  t.patch('merge: another address', at('web'), 'merge', { spec: { clusterIP: '10.96.0.30', clusterIPs: ['10.96.0.30'] } });
  t.patch('merge: another family', at('web'), 'merge', { spec: { ipFamilies: ['IPv6'] } });
  t.patch('merge: no families', at('web'), 'merge', { spec: { ipFamilies: null, ipFamilyPolicy: null } });
  t.patch('merge: two families required', at('web'), 'merge', { spec: { ipFamilyPolicy: 'RequireDualStack' } });
  t.patch('merge: two families preferred', at('web'), 'merge', { spec: { ipFamilyPolicy: 'PreferDualStack' } });
  t.patch('merge: one family again', at('web'), 'merge', { spec: { ipFamilyPolicy: 'SingleStack' } });
  t.patch('merge: affinity', at('web'), 'merge', { spec: { sessionAffinity: 'ClientIP' } });
  t.patch('merge: no affinity', at('web'), 'merge', { spec: { sessionAffinity: 'None' } });
  t.patch('JSON: a port', at('web'), 'json', [{ op: 'replace', path: '/spec/ports/0/port', value: 81 }]);
  t.patch('JSON: a target port', at('web'), 'json', [{ op: 'replace', path: '/spec/ports/0/targetPort', value: 'http' }]);
  t.patch('nothing new', at('web'), 'merge', { spec: { sessionAffinity: 'None' } });

  t.patch('to NodePort', at('web'), 'merge', { spec: { type: 'NodePort' } });
  t.patch('to NodePort, dry', `${at('headless')}?dryRun=All`, 'merge', { spec: { type: 'NodePort' } });
  t.patch('the ports of nodes stay', at('web'), 'merge', { spec: { ports: [{ port: 82 }] } });
  t.patch('a port of nodes that is taken', at('web'), 'merge', { spec: { ports: [{ port: 82, nodePort: 30_010 }] } });
  t.patch('another port of nodes', at('web'), 'merge', { spec: { ports: [{ port: 82, nodePort: 30_014 }] } });
  t.patch('two ports of nodes', at('web'), 'merge', {
    spec: {
      ports: [
        { port: 82, name: 'a', nodePort: 30_014 },
        { port: 83, name: 'b', nodePort: 30_015 },
      ],
    },
  });
  t.patch('they change places', at('web'), 'merge', {
    spec: {
      ports: [
        { port: 82, name: 'a', nodePort: 30_015 },
        { port: 83, name: 'b', nodePort: 30_014 },
      ],
    },
  });
  t.patch('one of them goes', at('web'), 'merge', { spec: { ports: [{ port: 82, name: 'a', nodePort: 30_015 }] } });
  t.patch('what went is free', at('any'), 'merge', { spec: { ports: [{ port: 80, nodePort: 30_014 }] } });
  t.patch('back to ClusterIP', at('web'), 'merge', { spec: { type: 'ClusterIP' } });
  t.patch('its port of nodes is free', at('any'), 'merge', { spec: { ports: [{ port: 80, nodePort: 30_015 }] } });
  t.patch('to ClusterIP, a port of nodes with it', at('node'), 'merge', {
    spec: { type: 'ClusterIP', ports: [{ port: 80, nodePort: 30_016 }] },
  });
  t.patch('to LoadBalancer', at('web'), 'merge', { spec: { type: 'LoadBalancer', loadBalancerClass: 'example.com/it' } });
  t.patch('another class', at('web'), 'merge', { spec: { loadBalancerClass: 'example.com/other' } });
  t.patch('no ports of nodes any more', at('web'), 'merge', { spec: { allocateLoadBalancerNodePorts: false } });
  t.patch('status: an address', at('web', 'status'), 'merge', { status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } });
  t.get('status: read', at('web', 'status'));
  t.get('status: in the table', at('web'), table);
  t.patch('status: a bad address', at('web', 'status'), 'merge', { status: { loadBalancer: { ingress: [{ ip: 'here' }] } } });
  t.patch('status: a mode without address', at('web', 'status'), 'merge', { status: { loadBalancer: { ingress: [{ ipMode: 'VIP' }] } } });
  t.patch('status: an unknown mode', at('web', 'status'), 'merge', {
    status: { loadBalancer: { ingress: [{ ip: '1.2.3.4', ipMode: 'X' }] } },
  });
  t.patch('status: names', at('web', 'status'), 'merge', {
    status: {
      loadBalancer: { ingress: [{ hostname: 'a.example.com', ports: [{ port: 80, protocol: 'TCP' }] }, { hostname: 'b.example.com' }] },
    },
  });
  t.patch('status: a bad name', at('web', 'status'), 'merge', { status: { loadBalancer: { ingress: [{ hostname: '1.2.3.4' }] } } });
  t.patch('status: a worse name', at('web', 'status'), 'merge', { status: { loadBalancer: { ingress: [{ hostname: 'a_b' }] } } });
  t.get('status: many in the table', at('web'), table);
  t.patch('status: a condition', at('web', 'status'), 'strategic', {
    status: { conditions: [{ type: 'Ready', status: 'True', reason: 'R', message: 'm', lastTransitionTime: '2001-01-01T00:00:00Z' }] },
  });
  t.patch('status: of what has none', at('headless', 'status'), 'merge', { status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } });
  t.patch('status: leaves the spec', at('web', 'status'), 'merge', { spec: { sessionAffinity: 'ClientIP' } });
  t.patch('to ClusterIP, the status goes', at('web'), 'merge', { spec: { type: 'ClusterIP' } });
  t.patch('to ExternalName', at('web'), 'merge', { spec: { type: 'ExternalName', externalName: 'example.com' } });
  t.patch('to ClusterIP again', at('web'), 'merge', { spec: { type: 'ClusterIP' } });
  t.patch('an external name with an address', at('name'), 'merge', {
    spec: { type: 'ClusterIP', ports: [{ port: 80 }], clusterIP: '10.96.0.21' },
  });
  t.patch('its address is its own', at('other'), 'merge', { spec: { clusterIP: '10.96.0.21', clusterIPs: ['10.96.0.21'] } });
  t.patch('headless to an address', at('headless'), 'merge', { spec: { clusterIP: '10.96.0.22', clusterIPs: ['10.96.0.22'] } });
  t.patch('headless loses its selector', at('headless'), 'merge', { spec: { selector: null } });
  t.patch('headless to both families', at('headless'), 'merge', { spec: { ipFamilyPolicy: 'RequireDualStack' } });

  const applied = (ports: readonly object[], more: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'applied' },
    spec: { ports, ...more },
  });
  const apply = (what: string, manager: string, body: object, force = false): void =>
    t.patch(`apply: ${what}`, `${at('applied')}?fieldManager=${manager}${force ? '&force=true' : ''}`, 'apply', body);
  apply('creates', 'one', applied([{ port: 80, name: 'http' }], { selector: { app: 'a' } }));
  apply('another port by another', 'two', applied([{ port: 443, name: 'https', protocol: 'TCP' }]));
  apply(
    'the same number, another protocol',
    'two',
    applied([
      { port: 443, name: 'https', protocol: 'TCP' },
      { port: 443, name: 'quic', protocol: 'UDP' },
    ]),
  );
  apply('a conflict', 'two', applied([{ port: 80, name: 'web', protocol: 'TCP' }]));
  apply('by force', 'two', applied([{ port: 80, name: 'web', protocol: 'TCP' }], { selector: { app: 'b' } }), true);
  apply('one port goes', 'two', applied([{ port: 443, name: 'https', protocol: 'TCP' }]));
  apply('a port without a number', 'two', applied([{ name: 'https' }]));
  t.patch('apply: status', `${at('applied', 'status')}?fieldManager=three`, 'apply', {
    ...applied([]),
    spec: undefined,
    status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } },
  });

  t.watch(
    'watch what happened',
    `${list}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&fieldSelector=metadata.name%3Dnode`,
    2,
  );
  t.delete('delete, dry', `${at('node')}?dryRun=All`);
  t.delete('delete', at('node'));
  t.delete('delete all of a label', `${list}?labelSelector=none%3Dsuch`);
  t.delete('delete all', list);
  t.get('nothing is left', list);
});
