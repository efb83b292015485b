import { createHash, createPublicKey } from 'node:crypto';
import { type Agent, createAgent } from '@flotilla/agent/agent.js';
import { createHubLink } from '@flotilla/agent/hublink/hub-link.js';
import { FakeHost } from '@flotilla/agent/node/fake-host.js';
import { FakeRuntime } from '@flotilla/agent/runtime/fake/fake-runtime.js';
import { openPki, type Pki } from '@flotilla/hub/auth/pki/pki.js';
import { calm, SimulatedBroker, type Weather } from '@flotilla/hub/broker/simulated/simulated-broker.js';
import { createHub, type Hub } from '@flotilla/hub/hub.js';
import { MemoryStore } from '@flotilla/hub/store/memory/memory-store.js';
import { gitVersion } from '@flotilla/shared/api/version.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';

export interface FleetOptions {
  readonly seed: number;
  readonly boards: number;
  readonly weather?: Weather;
}

/** A whole hub and its boards in one process, on one clock and one seed: everything but the disk, the network and podman is real. */
export interface Fleet {
  readonly clock: FakeClock;
  readonly hub: Hub;
  readonly broker: SimulatedBroker;
  readonly runtimes: ReadonlyMap<string, FakeRuntime>;
  /** What happened, in order: every change of an object, every start of a container. */
  readonly trace: readonly string[];
  stop(): Promise<void>;
}

const dayMs = 86_400_000;

export async function startFleet({ seed, boards, weather = calm }: FleetOptions): Promise<Fleet> {
  const clock = new FakeClock();
  const random = new SeededRandom(seed);
  const store = new MemoryStore({ clock });
  const trace: string[] = [];
  // Keys are the one thing no seed makes; nothing that is traced may depend on them, so the cluster is not named after one.
  const keys: Pki = await openPki({ files: new FakeFiles(), dir: '/pki', clock, random: new SeededRandom(0) });
  const pki: Pki = { ...keys, caKeyHash: `sha256:${'5eed'.repeat(16)}` };
  const names = Array.from({ length: boards }, (_, index) => `board-${index}`);
  const enrolled = new Map(names.map((node) => [node, { node, keyId: `key-of-${node}`, serial: node }]));
  let broker: SimulatedBroker | undefined;
  let clusterId = '';
  const hub = createHub(
    {},
    {
      clock,
      random,
      logger: silentLogger,
      store,
      pki,
      link: (parts) => {
        clusterId = parts.clusterId;
        broker = new SimulatedBroker({ clusterId, clock, random, boards: { get: (node) => enrolled.get(node) }, weather });
        return { broker };
      },
    },
  );
  // The authority's certificate stands in objects; its keys come from no seed.
  const authority = JSON.stringify(pki.caCertPem).slice(1, -1);
  const fingerprint = (value = ''): string => createHash('sha256').update(value.replaceAll(authority, 'CA')).digest('hex').slice(0, 12);
  await store.watch('/registry/', 0, {
    events: (events) => {
      for (const { type, key, revision, value } of events)
        trace.push(`${clock.monotonicMs()} ${revision} ${type} ${key} ${fingerprint(value)}`);
    },
    ended: (error) => trace.push(`ended ${error.message}`),
  });
  await hub.start();
  if (!broker) throw new Error('the hub made no link');

  const agents: Agent[] = [];
  const runtimes = new Map<string, FakeRuntime>();
  for (const node of names) {
    const runtime = new FakeRuntime({ clock });
    runtimes.set(node, runtime);
    const scope = { clusterId, node };
    const agent = createAgent(
      { dataDir: '/data', nodeName: node, labels: {}, taints: [], capacity: {}, version: gitVersion },
      {
        clock,
        random,
        files: new FakeFiles(),
        logger: silentLogger,
        runtime,
        host: new FakeHost(),
        link: (handlers) =>
          createHubLink({
            courier: { connect: (broker as SimulatedBroker).dial({ node, keyId: `key-of-${node}` }) },
            clock,
            random,
            logger: silentLogger,
            identity: {
              scope,
              agentVersion: gitVersion,
              bootId: `boot-of-${node}`,
              serial: node,
              manifestKeys: [{ keyId: keyIdOf(createPublicKey(pki.manifestKey.publicKeyPem)), publicKey: pki.manifestKey.publicKeyPem }],
            },
            handlers,
          }),
      },
    );
    agents.push(agent);
    await agent.start();
  }

  return {
    clock,
    hub,
    broker,
    runtimes,
    trace,
    async stop() {
      for (const agent of agents) await ended(clock, agent.stop());
      await ended(clock, hub.stop());
    },
  };
}

/** Moves time on until something that waits for it has ended. */
async function ended(clock: FakeClock, waiting: Promise<void>): Promise<void> {
  let done = false;
  const settled = waiting.finally(() => {
    done = true;
  });
  for (let passedMs = 0; !done && passedMs < dayMs; passedMs += 1000) await clock.advance(1000);
  await settled;
}
