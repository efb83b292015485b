import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPki } from '@flotilla/hub/auth/pki/pki.js';
import { SimulatedBroker } from '@flotilla/hub/broker/simulated/simulated-broker.js';
import { calm } from '@flotilla/hub/broker/simulated/weather.js';
import { createHub } from '@flotilla/hub/hub.js';
import { MemoryStore } from '@flotilla/hub/store/memory/memory-store.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import type { Server } from './ask.ts';

/** A whole hub whose controllers and scheduler rest, set up as Kubernetes is by default. */
export async function startConformanceHub(): Promise<Server & { close(): Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-conformance-'));
  const [clock, random, files] = [new SystemClock(), new SystemRandom(), new SystemFiles()];
  const pki = await openPki({ files, dir, clock, random });
  const hub = createHub(
    {
      listen: { host: '127.0.0.1', port: 0 },
      controllers: ['-*'],
      scheduler: false,
      serviceClusterIpRange: '10.96.0.0/16',
      // Kubernetes' own eviction is off in a hub unless it is asked for.
      tolerations: { notReadySeconds: 300, unreachableSeconds: 300 },
    },
    {
      clock,
      random,
      logger: silentLogger,
      store: new MemoryStore({ clock }),
      pki,
      link: ({ boards, clusterId }) => ({ broker: new SimulatedBroker({ clusterId, clock, random, boards, weather: calm }) }),
    },
  );
  await hub.start();
  return {
    url: `https://127.0.0.1:${hub.apiPort}`,
    ca: pki.caCertPem,
    cert: pki.admin.certPem,
    key: pki.admin.keyPem,
    async close() {
      await hub.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
