import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCertificateRequest } from '@flotilla/agent/hublink/certificate-request.js';
import { openPki } from '@flotilla/hub/auth/pki/pki.js';
import { EmbeddedBroker } from '@flotilla/hub/broker/embedded/embedded-broker.js';
import type { Board } from '@flotilla/hub/broker/types.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import { expect, onTestFinished, test } from 'vitest';
import { Program } from '../harness/program.ts';
import { until } from '../harness/until.ts';

test('whatever a board says from the moment it is let in is heard', async () => {
  const clusterId = 'cluster-1';
  const clock = new SystemClock();
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-quick-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const pki = await openPki({ files: new SystemFiles(), dir: join(dir, 'pki'), clock, random: new SystemRandom() });
  const enrolled = new Map<string, Board>();
  const boards: { node: string; cert: string; key: string }[] = [];
  for (let count = 0; count < 40; count++) {
    const node = `board-${count}`;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    enrolled.set(node, { node, keyId: keyIdOf(publicKey), serial: '' });
    const cert = await pki.issueNodeCertificate(nodeCertificateRequest(node, privateKey), node);
    boards.push({ node, cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string });
  }
  const broker = new EmbeddedBroker({
    ...{ clusterId, clock, logger: silentLogger, listen: { host: '127.0.0.1', port: 0 } },
    ...{ tls: pki.serverTls(), boards: { get: (node) => enrolled.get(node) } },
  });
  const heard: string[] = [];
  await broker.start({
    connected: () => {},
    disconnected: () => {},
    message: (_, _kind, words) => heard.push(words.toString()),
    incident: () => {},
  });
  onTestFinished(() => broker.stop());
  const told = join(dir, 'told.json');
  await writeFile(told, JSON.stringify({ port: broker.port, clusterId, ca: pki.caCertPem, boards }));
  // In a process of its own, as a board is: in this one its answer would wait for the broker's turn to end.
  const program = Program.node('boards', new URL('./quick-board.ts', import.meta.url).pathname, [told]);
  expect(await program.ended, program.tail()).toBe(0);
  expect(program.stdout).toBe('');
  await until('all were heard', () => heard.length === boards.length);
  expect(heard.sort()).toEqual(boards.map(({ node }) => node).sort());
  expect(broker.counters).toMatchObject({ connects: 40, deniedSubscribes: 0, deniedPublishes: 0 });
});
