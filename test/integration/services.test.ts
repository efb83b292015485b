import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { request } from 'node:https';
import { definitions } from '@flotilla/hub/registry/definitions.js';
import type { Endpoints, Pod, Service } from '@flotilla/shared/api/generated/types.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiHub, startApiHub } from '../harness/api-hub.ts';
import { findKubectls, Kubectl } from '../harness/kubectl.ts';
import { LocalPods } from '../harness/local-pods.ts';
import { Program } from '../harness/program.ts';

/** Services as clients see them: made and shown by kubectl, reached through the API. */

const ctx = { user: { name: 'the test', groups: ['system:masters'] }, warn: () => {} };
const board = new LocalPods();
let hub: ApiHub;
let web: Server;
let webPort: number;

beforeAll(async () => {
  hub = await startApiHub({ definitions, nodeConnector: board });
  await create('namespaces', { kind: 'Namespace', metadata: { name: 'default' } }, '');
  web = createServer((asked, answer) => void answer.end(`${asked.method} ${asked.url}`));
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  webPort = (web.address() as { port: number }).port;
  await pod('one', '10.0.0.5');
  await pod('away', '10.0.0.6', 'pi-away');
  board.away.set('pi-away', Date.UTC(2026, 0, 1, 12));
});
afterAll(async () => {
  web.closeAllConnections();
  web.close();
  await hub.close();
});

async function create(resource: string, object: object, namespace = 'default'): Promise<void> {
  await hub.registry.resource('', resource).create(ctx, namespace, { apiVersion: 'v1', ...object } as KubeObject);
}

async function pod(name: string, podIP: string, nodeName = 'pi-1'): Promise<void> {
  const spec = { nodeName, containers: [{ name: 'main', image: 'x', ports: [{ name: 'web', containerPort: webPort }] }] };
  await create('pods', { kind: 'Pod', metadata: { name, labels: { app: 'web' } }, spec });
  const conditions = [{ type: 'Ready', status: 'True' }];
  const containerStatuses = [{ name: 'main', ready: true, image: 'x', imageID: '', restartCount: 0, state: { running: {} } }];
  const status = { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions, containerStatuses };
  const pods = hub.registry.resource<Pod>('', 'pods');
  await pods.update(ctx, 'default', name, (current) => ({ ...current, status }), { subresource: 'status' });
}

interface Said {
  readonly code: number;
  readonly body: string;
}

async function ask(path: string, method = 'GET'): Promise<Said> {
  const { caCertPem: ca, admin } = hub.pki;
  const asked = request(`${hub.url}/api/v1/namespaces/default/${path}`, {
    method,
    ca,
    cert: admin.certPem,
    key: admin.keyPem,
    agent: false,
  });
  asked.end();
  const [answer] = await once(asked, 'response');
  let body = '';
  for await (const chunk of answer) body += String(chunk);
  return { code: answer.statusCode, body };
}
const messageOf = ({ code, body }: Said): unknown => [code, (JSON.parse(body) as { message: string }).message];

describe.each(Object.entries(findKubectls()))('the %s kubectl', (age, command) => {
  let kubectl: Kubectl;
  beforeAll(() => {
    kubectl = new Kubectl(command, hub.kubeconfig);
  });
  afterAll(() => kubectl.close());
  const called = (name: string): string => `${age}-${name}`;

  test('makes Services of every type, and shows them', async () => {
    await kubectl.ok(['create', 'service', 'clusterip', called('plain'), '--tcp=80:8080']);
    await kubectl.ok(['create', 'service', 'clusterip', called('bare'), '--clusterip=None']);
    await kubectl.ok(['create', 'service', 'nodeport', called('node'), '--tcp=80']);
    await kubectl.ok(['create', 'service', 'loadbalancer', called('balancer'), '--tcp=5678:8080']);
    await kubectl.ok(['create', 'service', 'externalname', called('name'), '--external-name=bar.com']);
    await kubectl.ok(['expose', 'pod', 'one', `--name=${called('exposed')}`, '--port=80', '--target-port=web']);
    const shown = await kubectl.ok(['get', 'svc', '-o', 'wide', '--no-headers']);
    const lines = Object.fromEntries(
      shown
        .split('\n')
        .map((line) => line.split(/\s+/))
        .map(([name = '', ...rest]) => [name, rest]),
    );
    const address = expect.stringMatching(/^10\.(9[6-9]|10\d|11[01])\.\d+\.\d+$/);
    const line = (name: string): unknown => lines[called(name)]?.filter((_text, index) => index !== 4);
    expect(line('plain')).toEqual(['ClusterIP', address, '<none>', '80/TCP', `app=${called('plain')}`]);
    expect(line('bare')).toEqual(['ClusterIP', 'None', '<none>', '<none>', `app=${called('bare')}`]);
    expect(line('node')).toEqual(['NodePort', address, '<none>', expect.stringMatching(/^80:3\d{4}\/TCP$/), `app=${called('node')}`]);
    expect(line('balancer')).toEqual([
      'LoadBalancer',
      address,
      '<pending>',
      expect.stringMatching(/^5678:3\d{4}\/TCP$/),
      `app=${called('balancer')}`,
    ]);
    expect(line('name')).toEqual(['ExternalName', '<none>', 'bar.com', '<none>', `app=${called('name')}`]);
    expect(line('exposed')).toEqual(['ClusterIP', address, '<none>', '80/TCP', 'app=web']);
    const told = await kubectl.ok(['describe', 'svc', called('exposed')]);
    expect(told).toMatch(/^Type:\s+ClusterIP$/m);
    expect(told).toMatch(/^TargetPort:\s+web\/TCP$/m);
    expect(told).toMatch(/^Endpoints:/m);
    await kubectl.ok(['delete', 'svc', '--all']);
  });

  test('applies one, changes its type and forwards a port of it', async () => {
    const manifest = (type: string): string =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: called('applied') },
        spec: { type, selector: { app: 'web' }, ports: [{ port: 80, targetPort: webPort }] },
      });
    await kubectl.ok(['apply', '-f', '-'], { input: manifest('ClusterIP') });
    await kubectl.ok(['apply', '-f', '-'], { input: manifest('NodePort') });
    const port = await kubectl.ok(['get', 'svc', called('applied'), '-o', 'jsonpath={.spec.ports[0].nodePort}']);
    expect(Number(port)).toBeGreaterThanOrEqual(30_000);
    await kubectl.ok(['apply', '-f', '-'], { input: manifest('ClusterIP') });
    expect(await kubectl.ok(['get', 'svc', called('applied'), '-o', 'jsonpath={.spec.ports[0].nodePort}'])).toBe('');
    await hub.registry
      .resource<Pod>('', 'pods')
      .update(ctx, 'default', 'away', (now) => ({ ...now, metadata: { ...now.metadata, labels: {} } }));
    await forwards(`svc/${called('applied')}`, 80);
    await kubectl.ok(['delete', 'svc', called('applied')]);
  });

  test('forwards a port of a pod of a Deployment', async () => {
    const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'x' }] } };
    const spec = { replicas: 0, selector: { matchLabels: { app: 'web' } }, template };
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: called('front') }, spec };
    await kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(deployment) });
    await forwards(`deployment/${called('front')}`, webPort);
    await kubectl.ok(['delete', 'deployment', called('front')]);
  });

  async function forwards(what: string, port: number): Promise<void> {
    const forward = new Program('kubectl', kubectl.start(['port-forward', what, `:${port}`]));
    const [, local] = await forward.says(/^Forwarding from (127\.0\.0\.1:\d+) /m);
    expect(await (await fetch(`http://${local}/through`)).text()).toBe('GET /through');
    await forward.end('SIGTERM');
  }
});

describe('the proxy to Services', () => {
  const target = (name: string, ip: string) => ({ ip, targetRef: { kind: 'Pod', namespace: 'default', name } });
  beforeAll(async () => {
    const ports = [
      { name: 'http', port: 80, targetPort: webPort },
      { name: 'other', port: 81, targetPort: 9 },
    ];
    await create('services', { kind: 'Service', metadata: { name: 'web' }, spec: { ports } } satisfies Partial<Service>);
    await create('services', { kind: 'Service', metadata: { name: 'single' }, spec: { ports: [{ port: 80 }] } });
    await create('services', { kind: 'Service', metadata: { name: 'alone' }, spec: { ports: [{ port: 80 }] } });
    await create('services', { kind: 'Service', metadata: { name: 'foreign' }, spec: { ports: [{ port: 80 }] } });
    const behind = (name: string, subsets: Endpoints['subsets']) => create('endpoints', { kind: 'Endpoints', metadata: { name }, subsets });
    await behind('web', [{ addresses: [target('away', '10.0.0.6'), target('one', '10.0.0.5')], ports: [{ name: 'http', port: webPort }] }]);
    await behind('single', [{ addresses: [target('one', '10.0.0.5')], ports: [{ port: webPort }] }]);
    await behind('foreign', [
      { addresses: [{ ip: '192.0.2.1' }, target('one', '10.0.0.9'), target('gone', '10.0.0.5')], ports: [{ port: webPort }] },
    ]);
    await behind('empty', []);
  });

  test('goes to a pod that is there, by the name or the number of a port', async () => {
    for (const id of ['web:http', 'web:80', 'http:web:http']) {
      expect(await ask(`services/${id}/proxy/a%20b?x=1`), id).toEqual({ code: 200, body: 'GET /a%20b?x=1' });
    }
    expect(await ask('services/single/proxy/')).toEqual({ code: 200, body: 'GET /' });
    expect(await ask('services/single/proxy/post', 'POST')).toEqual({ code: 200, body: 'POST /post' });
    expect((await ask('services/single/proxy')).code).toBe(301);
  });

  test('says in the words of Kubernetes why it goes nowhere', async () => {
    const said = async (id: string): Promise<unknown> => messageOf(await ask(`services/${id}/proxy/`));
    expect(await said('web')).toEqual([503, 'no endpoints available for service "web"']);
    expect(await said('web:other')).toEqual([503, 'no endpoints available for service "web:other"']);
    expect(await said('web:82')).toEqual([503, 'no service port 82 found for service "web"']);
    expect(await said('none:80')).toEqual([404, 'services "none" not found']);
    expect(await said('alone')).toEqual([404, 'endpoints "alone" not found']);
    expect(await said('empty')).toEqual([503, 'no endpoints available for service "empty"']);
    expect(await said('ftp:web:80')).toEqual([400, 'invalid service request "ftp:web:80"']);
    expect(await said('foreign'), 'an address that is no pod of the namespace').toEqual([
      503,
      'no endpoints available for service "foreign"',
    ]);
  });
});
