import { join } from 'node:path';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { createLogger, type Logger, type LogLevel } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { writeKubeconfig } from '#auth/pki/admin-kubeconfig.ts';
import { givenNames } from '#auth/pki/given-names.ts';
import { Ledger } from '#auth/pki/ledger.ts';
import { localNames } from '#auth/pki/local-names.ts';
import { openPki } from '#auth/pki/pki.ts';
import { EmbeddedBroker } from '#broker/embedded/embedded-broker.ts';
import { findStartingPoint, nextFirstRevision } from '#recovery/starting-point.ts';
import type { Store } from '#store/contract.ts';
import type { ProcessUsage } from '#telemetry/hub-metrics.ts';
import { createHub, type Hub, type HubOptions } from '../hub.ts';
import { advertiseAddress } from './advertise-address.ts';
import { agentBundles } from './agent-bundles.ts';
import { cardImages } from './card-images.ts';
import { ledgerDir } from './ledger-dir.ts';
import { makeBackup } from './make-backup.ts';

export interface RunHubOptions extends HubOptions {
  readonly dataDir: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** undefined: boards come over WebSocket on the API port only. */
  readonly mqttListen: { readonly host: string; readonly port: number } | undefined;
  readonly store: 'sqlite' | 'etcd' | 'memory';
  readonly etcdEndpoints?: readonly string[];
  /** More names and addresses for the serving certificate; those of the last start when left out. */
  readonly names?: readonly string[];
  readonly logLevel: LogLevel;
}

export interface RunningHub {
  readonly hub: Hub;
  readonly kubeconfig: string;
  /** `sha256:HEX` of the key of the cluster's authority. */
  readonly caKeyHash: string;
}

/** Starts a hub on this machine; it has written `DATA_DIR/admin.kubeconfig` when this resolves. */
export async function runHub(options: RunHubOptions): Promise<RunningHub> {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const files = new SystemFiles();
  const logger = createLogger({ level: options.logLevel, wallMs: () => clock.wallMs(), write: (line) => void process.stderr.write(line) });
  const { dataDir } = options;
  await files.mkdir(dataDir, { mode: 0o700 });
  const pkiDir = join(dataDir, 'pki');
  const names = [...localNames(), ...(await givenNames(files, pkiDir, options.names))];
  const pki = await openPki({ files, dir: pkiDir, clock, random, names });
  const ledger = await Ledger.open({ files, dir: ledgerDir(dataDir) });
  const { store, copy } = await openStore(options, { clock, logger, firstRevision: nextFirstRevision(ledger) });
  const start = await findStartingPoint({ store, ledger });
  const kubeconfig = join(dataDir, 'admin.kubeconfig');
  const host = options.listen.host === '0.0.0.0' || options.listen.host === '::' ? '127.0.0.1' : options.listen.host;
  const saveKubeconfig = (): Promise<void> =>
    writeKubeconfig(files, kubeconfig, { server: `https://${host}:${hub.apiPort}`, caCertPem: pki.caCertPem, client: pki.admin });
  const address = options.advertiseAddress ?? advertiseAddress(options.listen.host, localNames());
  const hub = createHub(address === undefined ? options : { ...options, advertiseAddress: address }, {
    clock,
    random,
    logger,
    store,
    pki,
    link: ({ boards, clusterId }) => {
      const broker = new EmbeddedBroker({ clusterId, clock, logger, boards, tls: pki.serverTls(), listen: options.mqttListen });
      return {
        broker,
        upgrade: (request, socket, head) => void broker.upgrade(request, socket, head),
        port: () => broker.port,
        setTls: (tls) => broker.setTls(tls),
      };
    },
    keptLogs: { files, dir: join(dataDir, 'kept-logs') },
    start,
    install: agentBundles(dataDir),
    images: cardImages(join(dataDir, 'images')),
    ...(copy ? { backup: () => makeBackup({ copy, dataDir, clock, cluster: pki.caKeyHash }) } : {}),
    usage: processUsage,
    renewed: () => saveKubeconfig(),
  });
  try {
    await hub.start();
  } catch (error) {
    await hub.stop().catch((stopError: unknown) => logger.debug('stopping after a failed start', { error: stopError }));
    throw error;
  }
  await saveKubeconfig();
  return { hub, kubeconfig, caKeyHash: pki.caKeyHash };
}

function processUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const { active } = performance.eventLoopUtilization();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: rss, heapUsedBytes: heapUsed, loopActiveSeconds: active / 1000 };
}

interface StoreDoors {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where a store that is made now begins. */
  readonly firstRevision: number;
}

interface OpenedStore {
  readonly store: Store;
  /** Writes what is committed now into a new file, for a backup. */
  readonly copy?: (file: string) => Promise<void>;
}

/** Each store is loaded only when it is chosen. */
async function openStore({ store, dataDir, etcdEndpoints = [] }: RunHubOptions, doors: StoreDoors): Promise<OpenedStore> {
  const { clock, logger, firstRevision } = doors;
  if (store === 'memory') {
    const { MemoryStore } = await import('#store/memory/memory-store.ts');
    return { store: new MemoryStore({ clock, firstRevision: Math.max(1, firstRevision) }) };
  }
  if (store === 'etcd') {
    const { EtcdStore } = await import('#store/etcd/etcd-store.ts');
    return { store: await EtcdStore.open({ endpoints: etcdEndpoints, clock, logger }) };
  }
  const { SqliteStore } = await import('#store/sqlite/sqlite-store.ts');
  const opened = await SqliteStore.open({ file: join(dataDir, 'hub.db'), clock, logger, firstRevision });
  return { store: opened, copy: (file) => opened.backup(file) };
}
