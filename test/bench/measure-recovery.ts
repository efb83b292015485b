import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdmission } from '@flotilla/hub/admission/create-admission.js';
import { Ledger } from '@flotilla/hub/auth/pki/ledger.js';
import { createClient } from '@flotilla/hub/client/client.js';
import { Informers } from '@flotilla/hub/client/informers.js';
import { Recovery } from '@flotilla/hub/recovery/recovery.js';
import { findStartingPoint } from '@flotilla/hub/recovery/starting-point.js';
import { definitions } from '@flotilla/hub/registry/definitions.js';
import { bootstrap } from '@flotilla/hub/registry/generic/bootstrap.js';
import { createRegistry } from '@flotilla/hub/registry/generic/create-registry.js';
import type { Registry } from '@flotilla/hub/registry/generic/types.js';
import { restoreSqlite } from '@flotilla/hub/store/sqlite/restore.js';
import { SqliteStore } from '@flotilla/hub/store/sqlite/sqlite-store.js';
import { WatchCache } from '@flotilla/hub/store/watch-cache.js';
import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { canonicalJson } from '@flotilla/shared/protocol/canonical-json.js';
import { contentDigest, openContent, type SignedContent, textDigest } from '@flotilla/shared/protocol/content.js';
import { envelopeSigner, seal } from '@flotilla/shared/protocol/envelope.js';
import type { Report } from './figure.ts';
import { benchPod } from './manifests.ts';

const boards = 1000;
const podsPerBoard = 10;
const fleet = 10_000;
/** As the hub does it. */
const atOnce = 32;
const clusterId = 'bench';

/** P17: what boards hand back is verified and committed, and a store of that size is backed up and restored. No board's part is in it. */
export async function measureRecovery(report: Report): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-bench-recovery-'));
  const of = { suite: 'link', id: 'P17', unit: 's', better: 'lower', aim: 600 } as const;
  const scale = fleet / boards;
  const size = `${boards} boards with ${podsPerBoard} pods each, scaled to ${fleet}`;
  try {
    const file = join(dir, 'hub.db');
    report({ ...of, name: `take back from the boards, ${size}`, value: (await takeBack(file, join(dir, 'backup.db'))) * scale });
    const beganMs = performance.now();
    restoreSqlite({ backup: join(dir, 'backup.db'), file: join(dir, 'restored.db') });
    const store = await SqliteStore.open({ file: join(dir, 'restored.db'), clock: new SystemClock(), logger: silentLogger });
    const cache = new WatchCache({ store, logger: silentLogger });
    await cache.start();
    report({ ...of, name: `restore a backup and read it, ${size}`, value: secondsSince(beganMs) * scale });
    await cache.stop();
    await store.close();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function takeBack(file: string, backup: string): Promise<number> {
  const [clock, random, logger] = [new SystemClock(), new SystemRandom(), silentLogger];
  const ledger = await Ledger.open({ files: new FakeFiles(), dir: '/ledger' });
  await ledger.beginEpoch({ epoch: 1, revision: 1 });
  const nodes = Array.from({ length: boards }, (_, index) => `board-${index}`);
  for (const node of nodes) await ledger.enter({ node, keyId: node, serial: '' });
  const store = await SqliteStore.open({ file, clock, logger });
  const start = await findStartingPoint({ store, ledger });
  const cache = new WatchCache({ store, logger });
  await cache.start();
  const registry: Registry = createRegistry({
    cache,
    clock,
    random,
    admission: createAdmission({ registry: () => registry, clock, random }),
    definitions,
  });
  await bootstrap(registry);
  const informers = new Informers({ registry, clock, random, logger });
  const client = createClient({ registry, informers, user: { name: 'admin', groups: ['system:masters'] }, logger });
  const recovery = new Recovery({ start, store, registry, client, events: { event: () => {} }, clock, logger });
  await recovery.load();
  const keys = generateKeyPairSync('ed25519');
  const signer = envelopeSigner(keys.privateKey);
  const pinned = [{ keyId: signer.keyId, publicKey: keys.publicKey.export({ type: 'spki', format: 'pem' }) as string }];
  const contents = new Map(
    nodes.map((node) => [
      node,
      signedContent(node, (digest) =>
        seal(signer, 'manifest', { clusterId, node }, { node, generation: { epoch: 1, revision: 9, digest } }),
      ),
    ]),
  );

  const beganMs = performance.now();
  const waiting = [...nodes];
  const worker = async (): Promise<void> => {
    for (let node = waiting.shift(); node; node = waiting.shift()) {
      const content = openContent(pinned, { clusterId, node }, contents.get(node) as SignedContent);
      await recovery.take({ node, content, tombstones: [] });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  await recovery.ended;
  const seconds = secondsSince(beganMs);
  const found = client.informer('', 'pods').list().length;
  if (found !== boards * podsPerBoard) throw new Error(`${found} pods came back`);
  await store.backup(backup);
  recovery.stop();
  informers.stop();
  await cache.stop();
  await store.close();
  return seconds;
}

function signedContent(node: string, sign: (digest: string) => SignedContent['envelope']): SignedContent {
  const objects: Record<string, string> = {
    [`nodes/${node}`]: canonicalJson({ metadata: { name: node, uid: `node-${node}` }, spec: { podCIDR: '10.0.0.0/26' } }),
    'serviceaccounts/default/default': canonicalJson({ metadata: { namespace: 'default', name: 'default', uid: 'account' } }),
  };
  for (let number = 0; number < podsPerBoard; number++) {
    const name = `${node}-${number}`;
    const pod = benchPod(name, { nodeName: node }) as Pod;
    const spec = {
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      terminationGracePeriodSeconds: 30,
      serviceAccountName: 'default',
      ...pod.spec,
      containers: pod.spec?.containers.map((container) => ({
        imagePullPolicy: 'IfNotPresent',
        terminationMessagePolicy: 'File',
        ...container,
      })),
    };
    const metadata = { ...pod.metadata, namespace: 'default', uid: `uid-${name}` };
    objects[`pods/default/${name}`] = canonicalJson({ ...pod, spec, metadata });
    const configMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'default', uid: `map-${name}` },
      data: { key: 'x'.repeat(200) },
    };
    objects[`configmaps/default/${name}`] = canonicalJson(configMap);
  }
  return { envelope: sign(contentDigest(new Map(Object.entries(objects).map(([key, text]) => [key, textDigest(text)])))), objects };
}

function secondsSince(beganMs: number): number {
  return (performance.now() - beganMs) / 1000;
}
