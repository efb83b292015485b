import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { definitions } from '@flotilla/hub/registry/definitions.js';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ApiHub, startApiHub } from '../harness/api-hub.ts';
import { until } from '../harness/until.ts';

interface Answer {
  readonly code: number;
  readonly text: string;
  readonly json: { readonly kind?: string; readonly reason?: string; readonly message?: string; readonly data?: object };
}

let hub: ApiHub;
let agent: Agent;
const sockets = new Set<TLSSocket>();
beforeAll(async () => {
  hub = await startApiHub({ definitions });
  agent = new Agent({ keepAlive: true, ca: hub.pki.caCertPem, cert: hub.pki.admin.certPem, key: hub.pki.admin.keyPem });
  for (const name of ['default', 'hostile']) {
    await ask('POST', '/api/v1/namespaces', { metadata: { name } });
    await ask('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: 'default' } });
  }
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});
afterAll(async () => {
  agent.destroy();
  await hub.close();
});

const path = '/api/v1/namespaces/hostile/configmaps';
const admin = () => ({ cert: hub.pki.admin.certPem, key: hub.pki.admin.keyPem });

/** As the administrator, on good manners. */
async function ask(method: string, at: string, body?: unknown, type = 'application/json'): Promise<Answer> {
  const payload = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const call = request(`${hub.url}${at}`, { method, agent, headers: payload === undefined ? {} : { 'content-type': type } });
  call.end(payload);
  const [response] = await once(call, 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  const json = response.headers['content-type']?.startsWith('application/json') ? (JSON.parse(text) as Answer['json']) : {};
  return { code: response.statusCode, text, json };
}

/** Bytes as they are written here, on a connection of their own. */
async function raw(identity: { readonly cert: string; readonly key: string } = admin()): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: hub.port, ca: hub.pki.caCertPem, ...identity });
  sockets.add(socket);
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

/** What comes back until the hub hangs up, or until `enough`. */
function heard(socket: TLSSocket): { text: string; closed: boolean } {
  const said = { text: '', closed: false };
  socket.on('data', (chunk: Buffer) => (said.text += chunk.toString('latin1')));
  socket.once('close', () => (said.closed = true));
  return said;
}

async function say(text: string): Promise<string> {
  const socket = await raw();
  const said = heard(socket);
  socket.write(text);
  await until('it is answered or hung up on', () => said.closed || /\r\n\r\n[\s\S]*\}\s*$|HTTP\/1\.1 4\d\d[\s\S]*\r\n\r\n/.test(said.text));
  socket.destroy();
  return said.text;
}

/** Somebody else is served as ever. */
async function othersGoOn(): Promise<void> {
  expect((await ask('GET', '/api/v1/namespaces/hostile')).code).toBe(200);
  const name = `fine-${Math.random().toString(36).slice(2)}`;
  expect((await ask('POST', path, { metadata: { name } })).code).toBe(201);
}

describe('bodies', () => {
  test('100 MB are refused as soon as they are told of, and hung up on when they come without being told', async () => {
    const told = await say(
      `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n{"data":`,
    );
    expect(told).toMatch(/^HTTP\/1\.1 413 /);
    expect(told).toContain('Request entity too large: limit is 3145728');
    const socket = await raw();
    const said = heard(socket);
    socket.write(`POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const megabyte = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1 << 20, ' '), Buffer.from('\r\n')]);
    let sent = 0;
    for (; sent < 100 && !said.closed && !said.text; sent++) {
      socket.write(megabyte);
      while (socket.writableNeedDrain && !said.closed && !said.text) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await until('it is refused', () => said.text !== '' || said.closed);
    expect(said.text).toMatch(/^HTTP\/1\.1 413 /);
    expect(sent).toBeLessThan(100);
    await othersGoOn();
  });

  test('bodies that do not come hold up nobody but their sender', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const cert = await hub.pki.issueClientCertificate({ commonName: 'slow', organizations: ['system:masters'], publicKey });
    const slow = { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    const head = (name: string): string => {
      const body = JSON.stringify({ metadata: { name } });
      return `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`;
    };
    // As many as may write at once, from one who may have so many on their way.
    const waiting = await Promise.all(Array.from({ length: 200 }, () => raw(slow)));
    const said = waiting.map(heard);
    for (const [at, socket] of waiting.entries()) socket.write(head(`slow-${at}`));
    const more = await raw(slow);
    const refused = heard(more);
    await until('one more is refused', () => {
      more.write(head('one-more'));
      return /^HTTP\/1\.1 429 /.test(refused.text) || refused.closed;
    });
    expect(refused.text).toMatch(/Retry-After: 1/i);
    await othersGoOn();
    expect(said.filter(({ text }) => text !== '')).toEqual([]);
    for (const [at, socket] of waiting.slice(0, 3).entries()) socket.write(JSON.stringify({ metadata: { name: `slow-${at}` } }).slice(5));
    await until('who goes on is served', () => said.slice(0, 3).every(({ text }) => text.startsWith('HTTP/1.1 201 ')));
  });

  test.each<[string, string, string, number, RegExp]>([
    ['deep nesting', 'application/json', `{"data":${'['.repeat(50_000)}`, 400, /max depth/],
    ['broken YAML', 'application/yaml', 'metadata:\n  name: a\n name: b\n\t- x', 400, /yaml|YAML/],
    ['YAML that refers to itself', 'application/yaml', 'metadata: &a\n  name: a\n  annotations: *a\n', 400, /./],
    [
      'YAML that grows',
      'application/yaml',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'
        .split('')
        .map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[at]}`).join(',')}]`)
        .join('\n')}\n`,
      400,
      /./,
    ],
    ['bad UTF-8', 'application/json', '\u0000\ufffd{', 400, /./],
    ['nothing', 'application/json', '', 400, /./],
    ['a list of a million nothings', 'application/json', `[${'0,'.repeat(1_000_000)}0]`, 400, /./],
  ])('%s is refused in words', async (_what, type, body, code, words) => {
    const answer = await ask('POST', path, body, type);
    expect([answer.code, answer.json.kind]).toEqual([code, 'Status']);
    expect(answer.json.message).toMatch(words);
    await othersGoOn();
  });

  test('names of JavaScript are names like any other, and change nothing', async () => {
    const text =
      '{"metadata":{"name":"poison","labels":{"constructor":"a"}},"data":{"__proto__":"p","constructor":"c","toString":"t"},"__proto__":{"polluted":"yes"}}';
    const created = await ask('POST', path, text);
    expect([201, 422]).toContain(created.code);
    for (const [type, patch] of [
      ['application/merge-patch+json', '{"data":{"__proto__":{"polluted":"yes"}},"__proto__":{"polluted":"yes"}}'],
      [
        'application/json-patch+json',
        '[{"op":"add","path":"/__proto__/polluted","value":"yes"},{"op":"add","path":"/constructor/prototype/polluted","value":"yes"}]',
      ],
      ['application/strategic-merge-patch+json', '{"metadata":{"__proto__":{"polluted":"yes"},"labels":{"__proto__":"x"}}}'],
    ] as const) {
      const answer = await ask('PATCH', `${path}/poison`, patch, type);
      expect(answer.code, type).toBeLessThan(500);
    }
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
    const later = await ask('POST', path, { metadata: { name: 'clean' }, data: { k: 'v' } });
    expect(later.json.data).toEqual({ k: 'v' });
  });
});

describe('heads', () => {
  const get = `GET /version HTTP/1.1\r\nHost: h\r\n`;
  test.each([
    ['two lengths', `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ['a length and chunks', `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x`],
    ['a length below nothing', `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n`],
    ['chunks of no number', `POST ${path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`],
    ['another coding', `POST ${path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n`],
    ['a line that is folded', `${get}X-A: b\r\n c\r\n\r\n`],
    ['a name with a space', `${get}X A: b\r\n\r\n`],
    ['a bare line feed in a value', `${get}X-A: b\nX-Remote-User: admin\r\n\r\n`],
    ['no Host', `GET /version HTTP/1.1\r\n\r\n`],
    ['100 kB of head', `${get}X-A: ${'a'.repeat(100_000)}\r\n\r\n`],
    ['no HTTP', '\u0016\u0003\u0001 hello\r\n\r\n'],
  ])('%s: refused, and hung up on', async (_what, text) => {
    const answer = await say(text);
    expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
    // What was smuggled behind it is no request.
    expect(answer.match(/HTTP\/1\.1/g)?.length ?? 0).toBeLessThanOrEqual(1);
    await othersGoOn();
  });

  test('many heads, another Host, and headers that claim an identity change nothing', async () => {
    const many = Array.from({ length: 1500 }, (_, at) => `X-${at}: a\r\n`).join('');
    expect(await say(`${get}${many}Connection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 (200|431) /);
    expect(await say(`GET /version HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 /);
    const nobody = connect({ host: '127.0.0.1', port: hub.port, ca: hub.pki.caCertPem });
    sockets.add(nobody);
    await once(nobody, 'secureConnect');
    const said = heard(nobody);
    nobody.write(
      `GET ${path} HTTP/1.1\r\nHost: h\r\nX-Remote-User: system:admin\r\nX-Remote-Group: system:masters\r\nConnection: close\r\n\r\n`,
    );
    await until('it is answered', () => said.closed);
    expect(said.text).toMatch(/^HTTP\/1\.1 40[13] /);
  });
});

describe('questions', () => {
  test('a selector of a million entries is refused; one of many is answered', async () => {
    const list = (query: string): Promise<Answer> => ask('GET', `${path}?${query}`);
    // A URL has no room for a million: what does not fit the head is refused there.
    const long = await say(`GET ${path}?labelSelector=${'a,'.repeat(1_000_000)} HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect(long).toMatch(/^(HTTP\/1\.1 431 |$)/);
    const set = Array.from({ length: 5000 }, (_, at) => `v${at}`).join(',');
    expect((await list(`labelSelector=${encodeURIComponent(`a in (${set})`)}`)).code).toBe(200);
    const values = Array.from({ length: 100_000 }, (_, at) => `v${at}`);
    const spec = { selector: { matchExpressions: [{ key: 'a', operator: 'In', values }] }, template: {} };
    const workload = await ask('POST', '/apis/apps/v1/namespaces/hostile/deployments', { metadata: { name: 'd' }, spec });
    expect([workload.code, workload.json.reason]).toEqual([422, 'Invalid']);
    await othersGoOn();
  });

  test('watchers that never read are dropped or kept small, and nobody waits for them', async () => {
    const count = 150;
    const crowd = await Promise.all(Array.from({ length: count }, () => raw()));
    for (const socket of crowd) {
      socket.pause();
      socket.write(`GET ${path}?watch=true HTTP/1.1\r\nHost: h\r\n\r\n`);
    }
    const reader = await raw();
    const said = heard(reader);
    reader.write(`GET ${path}?watch=true HTTP/1.1\r\nHost: h\r\n\r\n`);
    const data = { k: 'x'.repeat(20_000) };
    for (let at = 0; at < 10; at++) expect((await ask('POST', path, { metadata: { name: `told-${at}` }, data })).code).toBe(201);
    await until('the one who reads has all', () => said.text.includes('"told-9"'));
    await othersGoOn();
  });

  test('idle connections cost nobody anything', async () => {
    await Promise.all(Array.from({ length: 150 }, () => raw()));
    await othersGoOn();
  });
});

describe('a crowd', () => {
  test('nobody gets in any more, but the administrators and the probes do', async () => {
    const crowded = await startApiHub({ definitions, limits: { reads: 0, writes: 0, streams: 0 } });
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const cert = await crowded.pki.issueClientCertificate({ commonName: 'somebody', organizations: [], publicKey });
    const somebody = { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    const administrator = { cert: crowded.pki.admin.certPem, key: crowded.pki.admin.keyPem };
    const code = async (who: object, method: string, at: string, body?: object): Promise<number | undefined> => {
      const headers = { 'content-type': 'application/json' };
      const call = request(`${crowded.url}${at}`, { method, ca: crowded.pki.caCertPem, agent: false, headers, ...who });
      call.end(body && JSON.stringify(body));
      const [response] = await once(call, 'response');
      response.destroy();
      return response.statusCode;
    };
    const namespace = { metadata: { name: 'mended' } };
    try {
      for (const [method, at, body] of [
        ['GET', '/api/v1/namespaces'],
        ['GET', '/api/v1/namespaces?watch=true'],
        ['POST', '/api/v1/namespaces', namespace],
      ] as const) {
        expect(await code(somebody, method, at, body), at).toBe(429);
        expect(await code(administrator, method, at, body), at).toBe(method === 'POST' ? 201 : 200);
      }
      for (const probe of ['/healthz', '/livez', '/readyz']) expect(await code({}, 'GET', probe), probe).toBe(200);
    } finally {
      await crowded.close();
    }
  });
});

describe('whatever it is', () => {
  const word = fc.oneof(
    fc.constantFrom(
      'a',
      'a/b',
      '__proto__',
      'constructor',
      '',
      ' ',
      'in',
      'notin',
      '!',
      '=',
      '==',
      '!=',
      ',',
      '(',
      ')',
      '>',
      '<',
      'metadata.name',
      '%00',
    ),
    fc.string({ maxLength: 8 }),
  );
  const text = fc.array(word, { maxLength: 9 }).map((words) => words.join(''));
  const sane = (answer: Answer): void => {
    // What Kubernetes itself counts as its own fault.
    const known = /^(unknown patch type|delete from primitive list|invalid patch format)/.test(answer.json.message ?? '');
    if (!known) expect(answer.code, answer.text).toBeLessThan(500);
    if (answer.code >= 400) expect(answer.json.kind, answer.text).toBe('Status');
  };

  test('a selector is answered or refused in words', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('labelSelector', 'fieldSelector', 'continue', 'resourceVersionMatch', 'limit'),
        text,
        async (name, value) => {
          sane(await ask('GET', `${path}?${name}=${encodeURIComponent(value)}`));
        },
      ),
      { numRuns: 150 },
    );
  });

  test('a patch is done or refused in words, and what is stored can be written back as it is', async () => {
    const value = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom('__proto__', null, '', '$patch'));
    const key = fc.constantFrom(
      'metadata',
      'data',
      'labels',
      'annotations',
      'binaryData',
      '__proto__',
      'constructor',
      '$patch',
      '$retainKeys',
      'kind',
    );
    const tree = fc.dictionary(key, fc.oneof(value, fc.dictionary(key, value)));
    const pointer = fc.array(fc.constantFrom('data', 'metadata', 'labels', '-', '0', '__proto__', 'constructor', '~1', '~2', ''), {
      maxLength: 4,
    });
    const step = fc.record({
      op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'other'),
      path: pointer.map((parts) => parts.map((part) => `/${part}`).join('')),
      from: pointer.map((parts) => parts.map((part) => `/${part}`).join('')),
      value,
    });
    const patches = fc.oneof(
      fc.tuple(fc.constantFrom('application/merge-patch+json', 'application/strategic-merge-patch+json'), tree),
      fc.tuple(fc.constant('application/json-patch+json'), fc.array(step, { maxLength: 4 })),
    );
    await ask('POST', path, { metadata: { name: 'patched', labels: { a: 'b' } }, data: { k: 'v' } });
    await fc.assert(
      fc.asyncProperty(patches, async ([type, patch]) => {
        sane(await ask('PATCH', `${path}/patched`, patch, type));
        const { text: stored, code } = await ask('GET', `${path}/patched`);
        expect(code).toBe(200);
        const { metadata } = JSON.parse(stored) as { metadata: { resourceVersion: string } };
        const back = await ask('PUT', `${path}/patched`, stored);
        expect(back.code).toBe(200);
        expect((JSON.parse(back.text) as { metadata: object }).metadata).toMatchObject({ resourceVersion: metadata.resourceVersion });
      }),
      { numRuns: 150 },
    );
  });
});
