import { type ChildProcess, spawn } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nodeCertificateRequest } from '@flotilla/agent/hublink/certificate-request.js';
import { openPki } from '@flotilla/hub/auth/pki/pki.js';
import { EmbeddedBroker } from '@flotilla/hub/broker/embedded/embedded-broker.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { keyIdOf } from '@flotilla/shared/protocol/envelope.js';
import { until } from '../harness/until.ts';
import { clusterId, openWorld, type World } from '../integration/link-world.ts';
import type { Crowd } from './hostile-crowd.ts';
import type { Lab, LabGoal, Shared } from './lab-goal.ts';

const honestBoards = 20;
const hostileBoards = 500;
const sliceMs = 8_000;
/** One in four: each has been refused when the bursts are over that everybody has; what is measured is what stays. */
const loopingBoards = hostileBoards / 4;
const mostRatio = 1.1;
/** Below this a machine's own noise is larger than what is measured. */
const noiseMs = 5;

/** A hub in this process, and two crowds in processes of their own. */
class Arena implements Shared {
  readonly world: World;
  readonly broker: EmbeddedBroker;
  latencies: number[] = [];
  lost = 0;
  readonly #dir: string;
  readonly #crowds: ChildProcess[] = [];

  private constructor(world: World, broker: EmbeddedBroker, dir: string) {
    this.world = world;
    this.broker = broker;
    this.#dir = dir;
  }

  static async open(): Promise<Arena> {
    const [clock, random, files] = [new SystemClock(), new SystemRandom(), new SystemFiles()];
    const dir = await mkdtemp(join(tmpdir(), 'flotilla-hostile-'));
    const pki = await openPki({ files, dir: join(dir, 'pki'), clock, random });
    const publicKey = pki.manifestKey.publicKeyPem;
    const keyId = keyIdOf(createPublicKey(publicKey));
    let broker: EmbeddedBroker | undefined;
    const world = await openWorld({
      clock,
      signer: { keyId, sign: (bytes) => pki.manifestKey.sign(bytes) },
      broker: (boards) => {
        broker = new EmbeddedBroker({
          ...{ clusterId, clock, logger: silentLogger, tls: pki.serverTls(), listen: { host: '127.0.0.1', port: 0 } },
          boards: { get: (node) => boards.get(node) },
        });
        return broker;
      },
    });
    if (!broker) throw new Error('there is no broker');
    const arena = new Arena(world, broker, dir);
    const crowd = async (what: Crowd['what'], count: number): Promise<void> => {
      const boards: Crowd['boards'][number][] = [];
      for (let number = 0; number < count; number++) {
        const node = what === 'honest' ? `board-${number}` : `villain-${number}`;
        const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
        world.boards.set(node, { node, keyId: keyIdOf(pair.publicKey), serial: '' });
        const certificate = await pki.issueNodeCertificate(nodeCertificateRequest(node, pair.privateKey), node);
        boards.push({ node, certificate, key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string });
      }
      const told: Crowd = { what, port: broker?.port ?? 0, clusterId, ca: pki.caCertPem, manifestKeys: [{ keyId, publicKey }], boards };
      const file = join(dir, `${what}.json`);
      await writeFile(file, JSON.stringify(told), { mode: 0o600 });
      const child = spawn(process.execPath, [new URL('./hostile-crowd.ts', import.meta.url).pathname, file], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      // Their processors are their own.
      if (what === 'hostile') setPriority(child.pid ?? 0, 19);
      arena.#crowds.push(child);
      createInterface({ input: child.stdout }).on('line', (line) => arena.#heard(line));
    };
    await crowd('honest', honestBoards);
    await crowd('hostile', hostileBoards);
    await until('the honest boards are served', () => world.sync.connectedNodes().length === honestBoards);
    return arena;
  }

  storm(going: boolean): void {
    this.#crowds[1]?.stdin?.write(going ? 'go\n' : 'rest\n');
  }

  async close(): Promise<void> {
    const gone = this.#crowds.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of this.#crowds) child.stdin?.end();
    await Promise.all(gone);
    await this.world.close();
    await rm(this.#dir, { recursive: true, force: true });
  }

  #heard(line: string): void {
    if (line === 'lost') this.lost++;
    else this.latencies.push(Number(line));
  }
}

/** The 99th of a hundred. */
function p99(latencies: readonly number[]): number {
  const sorted = [...latencies].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.POSITIVE_INFINITY;
}

/** Of what came in so long. */
async function slice(arena: Arena): Promise<number> {
  arena.latencies = [];
  await new SystemClock().sleep('slice', sliceMs);
  return p99(arena.latencies);
}

async function round(_seed: number, { once, log, tally }: Lab): Promise<void> {
  const arena = await once('arena', () => Arena.open());
  const clock = new SystemClock();
  const quiet = await slice(arena);
  const before = structuredClone(arena.broker.counters);
  arena.storm(true);
  arena.latencies = [];
  await until('the bursts are over', () => arena.broker.counters.refused.busy - before.refused.busy >= loopingBoards);
  log(`p99 while the bursts lasted ${p99(arena.latencies).toFixed(1)} ms`);
  const stormy = await slice(arena);
  arena.storm(false);
  await clock.sleep('rest', 10_000);
  const { counters } = arena.broker;
  const refused = counters.refused.busy - before.refused.busy;
  tally.fault('connect refused', refused);
  tally.fault('publish denied', counters.deniedPublishes - before.deniedPublishes);
  tally.fault('read slower', counters.slowed - before.slowed);
  log(`p99 of an acknowledgement ${quiet.toFixed(1)} ms, in the storm ${stormy.toFixed(1)} ms; ${JSON.stringify(counters)}`);
  tally.invariant('nobody else loses his session');
  if (arena.lost > 0) throw new Error(`nobody else loses his session: ${arena.lost} reports were lost`);
  tally.invariant('told of');
  for (const reason of ['PublishDenied', 'ConnectsTooOften'])
    if (!arena.world.warnings.some((warning) => warning.includes(reason))) throw new Error(`told of: there is no ${reason}`);
  tally.invariant('p99 of the others');
  if (stormy > quiet * mostRatio && stormy - quiet > noiseMs)
    throw new Error(`p99 of the others: ${quiet.toFixed(1)} ms became ${stormy.toFixed(1)} ms`);
}

/** Each round: quiet, a storm, rest. Wants a machine to itself: the crowds take processors too. */
export const hostileScale: LabGoal = {
  id: 'hostile',
  title: '500 boards reconnect in a loop, flood, trespass: refused, counted, told of, and the p99 of the others moves by 10 % at most',
  rounds: 5,
  round,
  faults: { kinds: ['connect refused', 'publish denied', 'read slower'], atLeast: 100 },
  invariants: ['nobody else loses his session', 'told of', 'p99 of the others'],
};
