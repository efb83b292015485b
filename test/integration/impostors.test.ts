import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server, connect as tlsConnect } from 'node:tls';
import { HubMemory } from '@flotilla/agent/hublink/hub-memory.js';
import { type DialOptions, dialHub } from '@flotilla/agent/hublink/mqtt-door.js';
import { type CertificateRequest, signCertificate } from '@flotilla/hub/auth/pki/certificate-signer.js';
import { EmbeddedBroker } from '@flotilla/hub/broker/embedded/embedded-broker.js';
import type { DeviceSession } from '@flotilla/hub/broker/types.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../harness/free-port.ts';

/** Whoever is not the hub, or not the board, over real TLS on both ends; on first connections and on resumed ones. */

const random = new SystemRandom();
const nowMs = new SystemClock().wallMs();
const dayMs = 24 * 3_600_000;
const host = '127.0.0.1';

interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly privateKey: KeyObject;
}

async function identity(
  use: CertificateRequest['use'],
  issuer: Identity | undefined,
  more: { commonName?: string; organizations?: string[]; names?: string[]; fromDays?: number; toDays?: number } = {},
): Promise<Identity> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { commonName = 'hub', organizations, names = [host], fromDays = -1, toDays = 100 } = more;
  const cert = await signCertificate({
    subject: { commonName, ...(organizations ? { organizations } : {}) },
    ...{ publicKey, use, names, serial: random.bytes(16) },
    ...(issuer ? { issuer: { certPem: issuer.cert, key: issuer.privateKey } } : { key: privateKey }),
    ...{ notBeforeMs: nowMs + fromDays * dayMs, notAfterMs: nowMs + toDays * dayMs },
  });
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, privateKey };
}

const boardSubject = { commonName: 'system:node:pi-1', organizations: ['system:nodes'] };
let ca: Identity;
let otherCa: Identity;
let hub: Identity;
let board: Identity;

beforeAll(async () => {
  ca = await identity('root', undefined, { commonName: 'authority' });
  // The same name: only its key tells it from ours.
  otherCa = await identity('root', undefined, { commonName: 'authority' });
  hub = await identity('server', ca);
  board = await identity('client', ca, boardSubject);
});

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Listener {
  readonly port: number;
  readonly server: Server;
  /** For each connection whether its session was resumed. */
  readonly reused: boolean[];
}

async function serve(own: Identity, options: { port?: number; ticketKeys?: Buffer; chain?: string } = {}): Promise<Listener> {
  const reused: boolean[] = [];
  const server = createServer(
    {
      ...{ cert: own.cert + (options.chain ?? ''), key: own.key, ca: [ca.cert], requestCert: true, rejectUnauthorized: false },
      ...(options.ticketKeys ? { ticketKeys: options.ticketKeys } : {}),
    },
    (socket) => {
      reused.push(socket.isSessionReused());
      socket.on('error', () => {});
      socket.on('data', (data) => socket.write(data));
    },
  );
  server.on('tlsClientError', () => {});
  const at = options.port ?? (await freePort());
  await new Promise<void>((resolve) => server.listen(at, host, resolve));
  const address = server.address();
  const close = (): Promise<unknown> => new Promise((resolve) => server.close(resolve));
  closing.push(close);
  return { port: typeof address === 'object' && address ? address.port : 0, server, reused };
}

/** Connects, has a byte echoed so that the tickets are here, and hangs up. @returns whether the session was resumed */
async function visit(port: number, more: Partial<DialOptions> = {}): Promise<boolean> {
  const { socket, resumed } = await dialHub({
    ...{ host, port, ca: ca.cert, floorMs: 0, ended: 'refuse', timeoutMs: 60_000, certificate: board.cert, key: board.key },
    ...more,
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('data', () => resolve());
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('hung up')));
      socket.write('x');
    });
  } finally {
    socket.removeAllListeners('error').on('error', () => {});
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      socket.destroy();
    });
  }
  return resumed;
}

describe('a board takes nobody else for its hub', () => {
  test('the hub is taken; a certificate that ended before the floor is not', async () => {
    const { port } = await serve(hub);
    expect(await visit(port)).toBe(false);
    await expect(visit(port, { floorMs: nowMs + 101 * dayMs })).rejects.toThrow(/is not our hub: the certificate of CN=hub ended on/);
    expect(await visit(port, { floorMs: nowMs + 101 * dayMs, ended: 'doubt' })).toBe(false);
  });

  test.for<[string, () => Promise<Identity>, RegExp]>([
    ["another board's certificate", () => identity('client', ca, { ...boardSubject, names: [host] }), /not for servers/],
    ['the certificate of another name', () => identity('server', ca, { names: ['other.example'] }), /not for 127.0.0.1/],
    ["another authority's certificate, and the authority has our authority's name", () => identity('server', otherCa), /pinned authority/],
    ['an authority as its own certificate', () => Promise.resolve(ca), /an authority as its own/],
    ['a certificate that signed itself', () => identity('server', undefined), /pinned authority/],
  ])('%s, at the first and at the second attempt', async ([, make, message]) => {
    const memory = new HubMemory();
    const impostor = await serve(await make());
    await expect(visit(impostor.port, { memory })).rejects.toThrow(message);
    await expect(visit(impostor.port, { memory })).rejects.toThrow(message);
    expect(memory.session(`${host}:${impostor.port}`)).toBeUndefined();
  });

  test('a board that signs with its own certificate is no authority', async () => {
    const forged = await identity('server', board);
    const { port } = await serve(forged, { chain: board.cert });
    await expect(visit(port)).rejects.toThrow(/pinned authority/);
  });

  test('the hub of another cluster', async () => {
    const { port } = await serve(hub);
    await expect(visit(port, { ca: otherCa.cert })).rejects.toThrow(/pinned authority/);
  });
});

describe('a resumed session', () => {
  test('is resumed while the hub is the same', async () => {
    const memory = new HubMemory();
    const { port, reused } = await serve(hub);
    expect(await visit(port, { memory })).toBe(false);
    expect(await visit(port, { memory })).toBe(true);
    expect(reused).toEqual([false, true]);
  });

  test('counts no more than the certificates it began with: another pin, another floor', async () => {
    const memory = new HubMemory();
    const { port, reused } = await serve(hub);
    await visit(port, { memory });
    await expect(visit(port, { memory, ca: otherCa.cert })).rejects.toThrow(/pinned authority/);
    await visit(port, { memory });
    await expect(visit(port, { memory, floorMs: nowMs + 101 * dayMs })).rejects.toThrow(/ended on/);
    expect(reused).not.toContain(true);
  });

  test('of a server that has the ticket and not its key is none: its own certificate is looked at', async () => {
    const memory = new HubMemory();
    const { port, server } = await serve(hub);
    await visit(port, { memory });
    await new Promise((resolve) => server.close(resolve));
    const impostor = await serve(await identity('client', ca, { ...boardSubject, names: [host] }), { port });
    await expect(visit(port, { memory })).rejects.toThrow(/not for servers/);
    expect(impostor.reused).not.toContain(true);
  });

  test('with a ticket and without the key of its session is refused, and the next attempt begins anew', async () => {
    const memory = new HubMemory();
    const { port, reused } = await serve(hub);
    await visit(port, { memory });
    const endpoint = `${host}:${port}`;
    const kept = memory.session(endpoint) ?? expect.fail('no session');
    const stolen = Buffer.from(kept.session);
    // TLS 1.3 of OpenSSL: the session id (32 bytes), then the secret (48 bytes), each an OCTET STRING.
    const secretAt = stolen.indexOf(Buffer.of(0x04, 0x30)) + 2;
    stolen.fill(0x5a, secretAt, secretAt + 48);
    memory.keep(endpoint, { ...kept, session: stolen });
    await expect(visit(port, { memory })).rejects.toThrow(/decrypt error/);
    expect(await visit(port, { memory })).toBe(false);
    expect(reused).toEqual([false, false]);
  });

  test('is lost when the keys of the tickets rotate, and that is all', async () => {
    const memory = new HubMemory();
    const { port, server } = await serve(hub, { ticketKeys: random.bytes(48) });
    await visit(port, { memory });
    server.setTicketKeys(random.bytes(48));
    expect(await visit(port, { memory })).toBe(false);
    expect(await visit(port, { memory })).toBe(true);
  });

  test('lives over a restart of the hub that kept the keys of the tickets', async () => {
    const memory = new HubMemory();
    const ticketKeys = random.bytes(48);
    const { port, server } = await serve(hub, { ticketKeys });
    await visit(port, { memory });
    await new Promise((resolve) => server.close(resolve));
    // While the hub is away.
    await expect(visit(port, { memory })).rejects.toThrow(/ECONNREFUSED/);
    await serve(hub, { port, ticketKeys });
    expect(await visit(port, { memory })).toBe(true);
  });
});

describe('the hub takes nobody else for its board', () => {
  async function broker(): Promise<{ port: number; sessions: DeviceSession[] }> {
    const sessions: DeviceSession[] = [];
    const made = new EmbeddedBroker({
      ...{ clusterId: 'c', clock: new SystemClock(), logger: silentLogger, listen: { host, port: 0 } },
      boards: { get: (node) => ({ node, keyId: 'whatever', serial: '' }) },
      tls: { ...hub, ca: [ca.cert] },
    });
    await made.start({ connected: (session) => sessions.push(session), disconnected: () => {}, message: () => {}, incident: () => {} });
    closing.push(() => made.stop());
    return { port: made.port ?? 0, sessions };
  }

  /** What comes back of an MQTT CONNECT: the code in CONNACK, or `closed`. */
  async function answer(
    port: number,
    own: Identity | undefined,
    session?: Buffer,
  ): Promise<{ said: number | 'closed'; session: Buffer | undefined }> {
    const socket = tlsConnect({
      host,
      port,
      rejectUnauthorized: false,
      ...(own ? { cert: own.cert, key: own.key } : {}),
      ...(session ? { session } : {}),
    });
    let ticket: Buffer | undefined;
    socket.on('session', (given: Buffer) => {
      ticket = given;
    });
    const connect = Buffer.from('100d00044d5154540402003c000178', 'hex');
    try {
      const said = await new Promise<number | 'closed'>((resolve) => {
        socket.on('error', () => {});
        socket.once('close', () => resolve('closed'));
        socket.once('data', (data) => resolve(data[3] ?? 'closed'));
        socket.once('secureConnect', () => socket.write(connect));
      });
      return { said, session: ticket };
    } finally {
      socket.destroy();
    }
  }

  test('without a certificate, and with a ticket that was given to nobody', async () => {
    const { port } = await broker();
    const first = await answer(port, undefined);
    expect(first.said).toBe('closed');
    expect((await answer(port, undefined, first.session)).said).toBe('closed');
  });

  test.for<[string, () => Promise<Identity>]>([
    ["a stranger's certificate", () => identity('client', otherCa, boardSubject)],
    ["a stranger's certificate that ended", () => identity('client', otherCa, { ...boardSubject, fromDays: -20, toDays: -10 })],
    ["a stranger's certificate that is not valid yet", () => identity('client', otherCa, { ...boardSubject, fromDays: 10, toDays: 20 })],
    ["a server's certificate that ended", () => identity('server', ca, { ...boardSubject, fromDays: -20, toDays: -10 })],
    ['a certificate of no board', () => identity('client', ca, { commonName: 'kubernetes-admin', organizations: ['system:masters'] })],
  ])('%s, on a resumed session too', async ([, make]) => {
    const own = await make();
    const { port, sessions } = await broker();
    const first = await answer(port, own);
    expect(first.said).toBe('closed');
    expect((await answer(port, own, first.session)).said).toBe('closed');
    expect(sessions).toEqual([]);
  });

  test.for([
    ['of today', -1, 100],
    ['that ended', -20, -10],
    ['of the future', 10, 20],
  ] as const)("a board's certificate %s gets as far as the question for its key", async ([, fromDays, toDays]) => {
    const { port } = await broker();
    const own = await identity('client', ca, { ...boardSubject, fromDays, toDays });
    const first = await answer(port, own);
    expect(first.said).toBe(5);
  });
});
