import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiServer } from '@flotilla/hub/apiserver/api-server.js';
import type { RequestLimits } from '@flotilla/hub/apiserver/request-limiter.js';
import { type Auth, createAuth } from '@flotilla/hub/auth/auth.js';
import { reconcileRoles } from '@flotilla/hub/auth/bootstrap/reconcile-roles.js';
import { writeKubeconfig } from '@flotilla/hub/auth/pki/admin-kubeconfig.js';
import { openPki, type Pki } from '@flotilla/hub/auth/pki/pki.js';
import { createClient } from '@flotilla/hub/client/client.js';
import { Informers } from '@flotilla/hub/client/informers.js';
import { ServiceAllocator } from '@flotilla/hub/registry/core/service-allocator.js';
import { createRegistry } from '@flotilla/hub/registry/generic/create-registry.js';
import type { NodeConnector, Registry, ResourceDefinition } from '@flotilla/hub/registry/generic/types.js';
import { clusterRoles } from '@flotilla/hub/registry/rbac/cluster-role.js';
import { roles } from '@flotilla/hub/registry/rbac/role.js';
import { clusterRoleBindings, roleBindings } from '@flotilla/hub/registry/rbac/role-binding.js';
import { MemoryStore } from '@flotilla/hub/store/memory/memory-store.js';
import { WatchCache } from '@flotilla/hub/store/watch-cache.js';
import { HealthRegistry } from '@flotilla/hub/telemetry/health.js';
import { createMetrics } from '@flotilla/hub/telemetry/metrics.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { createLogger, silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { until } from './until.ts';

/** The API of a hub alone, on memory: no controllers, no boards. */
export interface ApiHub {
  readonly dir: string;
  readonly url: string;
  readonly port: number;
  readonly kubeconfig: string;
  readonly pki: Pki;
  readonly auth: Auth;
  readonly registry: Registry;
  readonly health: HealthRegistry;
  readonly revokedKeys: Set<string>;
  close(): Promise<void>;
}

export interface ApiHubOptions {
  readonly definitions: readonly ResourceDefinition[];
  readonly nodeConnector?: NodeConnector;
  readonly limits?: RequestLimits;
  /** Where its log goes, line by line; nowhere when left out. */
  readonly log?: (line: string) => void;
}

const roleKinds: readonly ResourceDefinition[] = [clusterRoleBindings, clusterRoles, roleBindings, roles];
const somebody = { user: { name: 'somebody', groups: ['system:authenticated'] }, verb: 'get', path: '/api' };

/** Roles are always served beside the kinds that are given. */
export async function startApiHub({ definitions: given, nodeConnector = noNodes, limits, log }: ApiHubOptions): Promise<ApiHub> {
  const definitions = [...given.filter((one) => !roleKinds.includes(one)), ...roleKinds];
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-api-'));
  const [clock, random, files] = [new SystemClock(), new SystemRandom(), new SystemFiles()];
  const logger = log ? createLogger({ level: 'info', wallMs: () => clock.wallMs(), write: log }) : silentLogger;
  const store = new MemoryStore({ clock });
  const cache = new WatchCache({ store, logger });
  await cache.start();
  const ranges = { clusterIpRange: '10.96.0.0/12', nodePortRange: '30000-32767' };
  const allocators = { '/services': new ServiceAllocator({ cache, random, ...ranges }) };
  const registry = createRegistry({ cache, clock, random, admission: { mutate: () => {}, validate: () => {} }, definitions, allocators });
  const informers = new Informers({ registry, clock, random, logger });
  const client = createClient({ registry, informers, logger, user: { name: 'system:apiserver', groups: ['system:masters'] } });
  const pki = await openPki({ files, dir: join(dir, 'pki'), clock, random });
  const revokedKeys = new Set<string>();
  const auth = createAuth({ pki, registry, client, clock, random, mayActAs: (_, key) => !revokedKeys.has(key) });
  await reconcileRoles(registry);
  await until('the roles are read', () => auth.authorizer.authorize(somebody).verdict === 'allow');
  const health = new HealthRegistry();
  const server = createApiServer({
    registry,
    ...auth,
    nodeConnector,
    tls: pki.serverTls(),
    health,
    metrics: createMetrics(),
    clock,
    random,
    logger,
    ...(limits ? { limits } : {}),
  });
  const port = await server.listen('127.0.0.1', 0);
  const url = `https://127.0.0.1:${port}`;
  const kubeconfig = join(dir, 'admin.kubeconfig');
  await writeKubeconfig(files, kubeconfig, { server: url, caCertPem: pki.caCertPem, client: pki.admin });
  return {
    dir,
    url,
    port,
    kubeconfig,
    pki,
    auth,
    registry,
    health,
    revokedKeys,
    async close() {
      await server.close(100);
      informers.stop();
      await store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const noNodes: NodeConnector = {
  open: () => {
    throw new Error('this hub has no boards');
  },
  logs: () => {
    throw new Error('this hub has no boards');
  },
  awaySinceMs: () => undefined,
  keptLog: async () => undefined,
};
