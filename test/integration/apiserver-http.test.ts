import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { gunzipSync } from 'node:zlib';
import { decodeMessage, readEnvelope } from '@flotilla/hub/apiserver/protobuf/decode-protobuf.js';
import { kubeconfig } from '@flotilla/hub/auth/pki/admin-kubeconfig.js';
import { spkiHash } from '@flotilla/hub/auth/pki/pki.js';
import { configMaps } from '@flotilla/hub/registry/core/config-map.js';
import { namespaces } from '@flotilla/hub/registry/core/namespace.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiHub, startApiHub } from '../harness/api-hub.ts';

interface Answer {
  readonly code: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly json: Record<string, unknown>;
}
interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  /** Client certificate; the admin's when left out, none when null. */
  readonly client?: { readonly certPem: string; readonly keyPem: string } | null;
}

let hub: ApiHub;
const agents = new Map<string, Agent>();

function open(path: string, { method = 'GET', headers = {}, client = hub.pki.admin, body }: Asked): Promise<IncomingMessage> {
  const key = client?.certPem ?? 'nobody';
  let agent = agents.get(key);
  if (!agent) {
    agent = new Agent({ keepAlive: true, ca: hub.pki.caCertPem, ...(client ? { cert: client.certPem, key: client.keyPem } : {}) });
    agents.set(key, agent);
  }
  const asked = request(`${hub.url}${path}`, { method, headers, agent });
  asked.end(body);
  return new Promise((resolve, reject) => {
    asked.once('response', resolve);
    asked.once('error', reject);
  });
}

async function ask(path: string, asked: Asked = {}): Promise<Answer> {
  const response = await open(path, asked);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const text = (response.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
  const json = response.headers['content-type']?.startsWith('application/json') ? JSON.parse(text || '{}') : {};
  return { code: response.statusCode ?? 0, headers: response.headers, text, json };
}

const inDefault = '/api/v1/namespaces/default/configmaps';
const post = (path: string, object: object, headers: Record<string, string> = {}) =>
  ask(path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(object) });
const configMap = (name: string, data: Record<string, string> = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});

async function identity(commonName: string, organizations: string[] = []) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certPem = await hub.pki.issueClientCertificate({ commonName, organizations, publicKey });
  return { certPem, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, publicKey };
}

beforeAll(async () => {
  hub = await startApiHub({ definitions: [configMaps, namespaces] });
});
afterAll(async () => {
  for (const agent of agents.values()) agent.destroy();
  await hub.close();
});

describe('identity', () => {
  test('without credentials there is version and health, and nothing else', async () => {
    for (const path of ['/version', '/livez', '/readyz', '/healthz']) expect((await ask(path, { client: null })).code).toBe(200);
    for (const path of ['/', '/api', '/apis', '/metrics', '/openapi/v2', inDefault, '/nowhere']) {
      expect({ path, ...(await ask(path, { client: null })).json }).toMatchObject({
        path,
        kind: 'Status',
        reason: 'Forbidden',
        code: 403,
      });
    }
  });

  test('a certificate of another authority, a revoked key and rubbish tokens are refused', async () => {
    const jane = await identity('jane');
    expect((await ask('/api', { client: jane })).code).toBe(200);
    hub.revokedKeys.add(spkiHash(jane.publicKey));
    expect((await ask('/api', { client: jane })).code).toBe(401);
    hub.revokedKeys.clear();
    expect((await ask('/api', { client: null, headers: { authorization: 'Bearer rubbish' } })).code).toBe(401);
    expect((await ask('/api', { client: null, headers: { authorization: 'Basic eDp5' } })).code).toBe(401);
    const serving = { certPem: hub.pki.serverTls().cert, keyPem: hub.pki.serverTls().key };
    expect((await ask('/api', { client: serving })).code).toBe(401);
  });

  test('who is somebody but may nothing is told so', async () => {
    const jane = await identity('jane');
    const { code, json } = await ask(`${inDefault}/x`, { client: jane });
    expect(code).toBe(403);
    expect(json).toMatchObject({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'configmaps "x" is forbidden: User "jane" cannot get resource "configmaps" in API group "" in the namespace "default"',
      reason: 'Forbidden',
      details: { name: 'x', kind: 'configmaps' },
      code: 403,
    });
    expect((await ask('/metrics', { client: jane })).json['message']).toBe('forbidden: User "jane" cannot get path "/metrics"');
  });

  test('reviews answer what the authorizer would', async () => {
    const jane = await identity('jane', ['dev']);
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
    const self = await ask(path, { method: 'POST', client: jane, body });
    expect(self).toMatchObject({
      code: 201,
      json: { status: { userInfo: { username: 'jane', groups: ['dev', 'system:authenticated'] } } },
    });
    const access = async (spec: object) =>
      (
        await post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec,
        })
      ).json;
    const resourceAttributes = { verb: 'get', resource: 'secrets', namespace: 'default' };
    expect(await access({ user: 'jane', resourceAttributes })).toMatchObject({ status: { allowed: false } });
    expect(await access({ user: 'jane', groups: ['system:masters'], resourceAttributes })).toMatchObject({ status: { allowed: true } });
    expect(await access({ resourceAttributes })).toMatchObject({ reason: 'Invalid', code: 422 });
    const token = (await post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'x' } })).json;
    expect(token).toMatchObject({ kind: 'TokenReview', status: { error: 'invalid bearer token' } });
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const asTable = await ask(path, { method: 'POST', client: jane, body, headers: { accept } });
    expect(asTable).toMatchObject({ code: 406, json: { reason: 'NotAcceptable' } });
  });

  test('a kubeconfig is complete in itself', () => {
    const text = kubeconfig({ server: 'https://h:1', caCertPem: 'CA', client: { certPem: 'C', keyPem: 'K' } });
    expect(text).toContain(`certificate-authority-data: ${Buffer.from('CA').toString('base64')}`);
    expect(text).toContain('server: https://h:1');
  });
});

describe('errors in the words of Kubernetes', () => {
  test.each([
    ['GET', '/api/v1/nothing', 404, 'NotFound', 'the server could not find the requested resource'],
    ['GET', '/api/v1/configmaps/x', 404, 'NotFound', 'the server could not find the requested resource'],
    ['GET', `${inDefault}/x/status`, 404, 'NotFound', 'the server could not find the requested resource'],
    ['GET', '/api/v1/namespaces/a/namespaces/b', 404, 'NotFound', 'the server could not find the requested resource'],
    ['GET', `${inDefault}/nope`, 404, 'NotFound', 'configmaps "nope" not found'],
    ['PUT', inDefault, 405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource'],
    ['POST', `${inDefault}/x`, 405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource'],
    ['POST', '/api/v1/configmaps', 405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource'],
    ['POST', '/version', 405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource'],
    ['GET', '/api/v1/configmaps?limit=x', 400, 'BadRequest', 'strconv.ParseInt: parsing "x": invalid syntax'],
    [
      'GET',
      '/api/v1/configmaps?includeObject=Much',
      400,
      'BadRequest',
      `Unable to convert to Table as requested: includeObject: Invalid value: "Much": must be 'Metadata', 'Object', 'None', or empty`,
    ],
    ['GET', '/api/v1/%zz/x', 400, 'BadRequest', 'URI malformed'],
    [
      'POST',
      `${inDefault}?dryRun=Some`,
      422,
      'Invalid',
      'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
    ],
    [
      'POST',
      `${inDefault}?fieldValidation=Loose`,
      422,
      'Invalid',
      'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Loose": supported values: "", "Ignore", "Strict", "Warn"',
    ],
  ])('%s %s is %i', async (method, path, code, reason, message) => {
    const answer = await ask(path, { method });
    expect({ code: answer.code, json: answer.json }).toMatchObject({
      code,
      json: { kind: 'Status', status: 'Failure', reason, message, code },
    });
  });

  test('a path that is nothing at all is a page that is not found', async () => {
    for (const path of ['/nowhere', '/apis/no.such.group/v1/things', '/apis/no.such.group']) {
      expect(await ask(path)).toMatchObject({ code: 404, text: '404 page not found\n' });
    }
  });

  test('what cannot be read or given is told with what could be', async () => {
    const xml = await ask(inDefault, { method: 'POST', headers: { 'content-type': 'application/xml' }, body: '<x/>' });
    expect(xml).toMatchObject({ code: 415, json: { reason: 'UnsupportedMediaType' } });
    const patch = await ask(`${inDefault}/x`, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: '{}' });
    expect(patch).toMatchObject({ code: 415, json: { message: '415: Unsupported Media Type' } });
    expect(await ask(inDefault, { headers: { accept: 'text/html' } })).toMatchObject({ code: 406 });
  });

  test('a body that is too large is refused, whether its length is told or not', async () => {
    const body = Buffer.alloc(3 * 1024 * 1024 + 1, ' ');
    const message = 'Request entity too large: limit is 3145728';
    const told = await ask(inDefault, { method: 'POST', headers: { 'content-length': String(body.length) }, body: '' }).catch(
      (error: Error) => error,
    );
    expect(told).toMatchObject({ code: 413, json: { message, reason: 'RequestEntityTooLarge' } });
    expect(await ask(inDefault, { method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body })).toMatchObject({ code: 413 });
    const fits = await ask(inDefault, { method: 'POST', body: body.subarray(1) });
    expect(fits.code).toBe(400);
  });
});

describe('representations', () => {
  beforeAll(async () => {
    expect((await post(inDefault, configMap('shown', { k: 'v' }))).code).toBe(201);
  });

  test('a watch in protobuf is frames of objects, for a client that takes nothing else', async () => {
    const accept = 'application/vnd.kubernetes.protobuf;stream=watch';
    const watch = `${inDefault}?watch=1&fieldSelector=metadata.name%3Dshown`;
    const response = await open(`${watch}&resourceVersion=0`, { headers: { accept } });
    expect(response.headers['content-type']).toBe(accept);
    const [chunk] = (await once(response, 'data')) as [Buffer];
    response.destroy();
    expect(chunk.readUInt32BE()).toBe(chunk.length - 4);
    const object = readEnvelope(chunk.subarray(chunk.indexOf('k8s\0')));
    expect(decodeMessage(object)).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'shown' }, data: { k: 'v' } });
    const text = await open(`${watch}&timeoutSeconds=1`, { headers: { accept: `${accept},application/json` } });
    text.destroy();
    expect(text).toMatchObject({
      headers: { 'content-type': 'application/json' },
    });
  });

  test('Tables, metadata and YAML of one object and of a list', async () => {
    const as = async (path: string, accept: string) => (await ask(path, { headers: { accept } })).json;
    const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    expect(await as(`${inDefault}/shown`, table)).toMatchObject({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      columnDefinitions: [{ name: 'Name', type: 'string', format: 'name' }, { name: 'Data' }, { name: 'Age' }],
      rows: [{ cells: ['shown', 1, expect.any(String)], object: { kind: 'PartialObjectMetadata', metadata: { name: 'shown' } } }],
    });
    expect(await as(`${inDefault}?includeObject=None`, table)).toMatchObject({ rows: [{ object: null }] });
    expect(await as(`${inDefault}?includeObject=Object`, table)).toMatchObject({
      rows: [{ object: { kind: 'ConfigMap', data: { k: 'v' } } }],
    });
    const metadata = await as(inDefault, 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io');
    expect(metadata).toMatchObject({ kind: 'PartialObjectMetadataList', metadata: { resourceVersion: expect.any(String) } });
    expect(metadata['items']).toEqual([expect.not.objectContaining({ data: expect.anything() })]);
    const yaml = await ask(`${inDefault}/shown`, { headers: { accept: 'application/yaml' } });
    expect(yaml.headers['content-type']).toBe('application/yaml');
    expect(yaml.text).toContain('data:\n  k: v\n');
  });

  test('discovery in both forms', async () => {
    const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const api = await ask('/api', { headers: { accept: aggregated } });
    expect(api.headers['content-type']).toBe('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
    expect(api.json).toMatchObject({
      kind: 'APIGroupDiscoveryList',
      items: [
        {
          versions: [
            {
              version: 'v1',
              freshness: 'Current',
              resources: expect.arrayContaining([expect.objectContaining({ resource: 'configmaps', scope: 'Namespaced' })]),
            },
          ],
        },
      ],
    });
    const etag = api.headers.etag ?? '';
    expect((await ask('/api', { headers: { accept: aggregated, 'if-none-match': etag } })).code).toBe(304);
    expect((await ask('/api')).json).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    expect((await ask('/apis')).json).toMatchObject({
      kind: 'APIGroupList',
      groups: expect.arrayContaining([
        expect.objectContaining({ name: 'authentication.k8s.io' }),
        expect.objectContaining({ name: 'authorization.k8s.io' }),
        expect.objectContaining({ name: 'rbac.authorization.k8s.io' }),
      ]),
    });
    expect((await ask('/apis/authorization.k8s.io')).json).toMatchObject({ kind: 'APIGroup', preferredVersion: { version: 'v1' } });
    const list = (await ask('/api/v1')).json;
    expect(list).toMatchObject({ kind: 'APIResourceList', groupVersion: 'v1' });
    expect(list['resources']).toContainEqual(expect.objectContaining({ name: 'namespaces/status', verbs: ['get', 'patch', 'update'] }));
  });

  test('every answer has its headers; HEAD is for pages', async () => {
    const answer = await ask(`${inDefault}/shown`);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-cache, private', 'audit-id': expect.stringMatching(/^[0-9a-f-]{36}$/) });
    const head = await ask(`${inDefault}/shown`, { method: 'HEAD' });
    expect(head).toMatchObject({ code: 405, text: '' });
    expect(await ask('/livez', { method: 'HEAD' })).toMatchObject({ code: 200, text: '' });
  });

  test('a long list is whole, in pieces and compressed', async () => {
    const path = '/api/v1/namespaces/many/configmaps';
    await Promise.all(
      Array.from({ length: 200 }, (_, index) => post(path, configMap(`m-${String(index).padStart(3, '0')}`, { k: 'x'.repeat(2000) }))),
    );
    const names = (answer: Answer) => (answer.json['items'] as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
    const plain = await ask(path);
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(names(plain)).toEqual(Array.from({ length: 200 }, (_, index) => `m-${String(index).padStart(3, '0')}`));
    const zipped = await ask(path, { headers: { 'accept-encoding': 'gzip' } });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(zipped.text).toBe(plain.text);
    const first = (await ask(`${path}?limit=150`)).json as { metadata: { continue: string; remainingItemCount: number } };
    expect(first.metadata.remainingItemCount).toBe(50);
    expect(names(await ask(`${path}?limit=150&continue=${encodeURIComponent(first.metadata.continue)}`))).toHaveLength(50);
    const small = await ask(`${inDefault}/shown`, { headers: { 'accept-encoding': 'gzip' } });
    expect(small.headers['content-encoding']).toBeUndefined();
  });

  test('warnings travel in headers', async () => {
    const { code, headers } = await post(inDefault, { ...configMap('warned'), 'fie"ld\\ü': 1 });
    expect(code).toBe(201);
    expect(headers['warning']).toMatch(/^299 - "unknown field /);
  });
});

describe('watching', () => {
  const path = '/api/v1/namespaces/watched/configmaps';

  async function watch(query: string, headers: Record<string, string> = {}) {
    const response = await open(`${path}?watch=true&${query}`, { headers });
    const events: { type: string; object: Record<string, unknown> }[] = [];
    let rest = '';
    response.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      events.push(...lines.map((line) => JSON.parse(line)));
    });
    const ended = once(response, 'close');
    return {
      events,
      response,
      ended,
      until: (count: number) => expect.poll(() => events.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(count),
    };
  }

  test('tells what is there, what comes, changes and goes, with selectors', async () => {
    await post(path, { ...configMap('a'), metadata: { name: 'a', labels: { on: 'yes' } } });
    const all = await watch('');
    const selected = await watch('labelSelector=on%3Dyes');
    await all.until(1);
    const patch = (name: string, body: object) =>
      ask(`${path}/${name}`, { method: 'PATCH', headers: { 'content-type': 'application/merge-patch+json' }, body: JSON.stringify(body) });
    await patch('a', { metadata: { labels: { on: null } } });
    await ask(`${path}/a`, { method: 'DELETE' });
    await all.until(3);
    await selected.until(2);
    expect(all.events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    expect(selected.events.map(({ type }) => type)).toEqual(['ADDED', 'DELETED']);
    for (const { response } of [all, selected]) response.destroy();
  });

  test('as Tables: columns come once', async () => {
    const table = await watch('resourceVersion=0', { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
    await post(path, configMap('t1'));
    await post(path, configMap('t2'));
    await table.until(2);
    expect(table.events[0]?.object).toMatchObject({
      kind: 'Table',
      columnDefinitions: [{ name: 'Name' }, {}, {}],
      rows: [{ cells: ['t1', 0, expect.any(String)] }],
    });
    expect(table.events[1]?.object).toMatchObject({ columnDefinitions: null, rows: [{ cells: ['t2', 0, expect.any(String)] }] });
    table.response.destroy();
  });

  test('ends when its time is over, and tells of a revision that is nonsense', async () => {
    const short = await watch('timeoutSeconds=1');
    await short.ended;
    expect(short.response.complete).toBe(true);
    expect(await ask(`${path}?watch=true&resourceVersion=x`)).toMatchObject({ code: 500 });
  });

  test('a watcher that does not read is dropped, others go on', async () => {
    const lazy = await open(`${path}?watch=true&fieldSelector=metadata.name%3Dbig`, {});
    lazy.pause();
    const keen = await watch('fieldSelector=metadata.name%3Dbig');
    await post(path, configMap('big', { k: '' }));
    let broken = false;
    lazy.once('close', () => (broken = true));
    const big = 'x'.repeat(900_000);
    let writes = 0;
    for (; writes < 30 && !broken; writes++) {
      const answer = await ask(`${path}/big`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(configMap('big', { k: `${big}${writes}` })),
      });
      expect(answer.code).toBe(200);
      // One that reads is as far as the writer, however busy this machine is.
      await keen.until(writes + 2);
    }
    lazy.resume();
    await expect.poll(() => broken, { timeout: 60_000 }).toBe(true);
    expect(lazy.complete).toBe(false);
    keen.response.destroy();
  });
});
