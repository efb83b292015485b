import { X509Certificate } from 'node:crypto';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { until } from '../harness/until.ts';
import { dayMs, openTrustHub, type TrustBoard } from '../integration/trust-world.ts';
import type { Lab, LabGoal } from './lab-goal.ts';

const hourMs = 3_600_000;
const yearMs = 365.25 * dayMs;
const nowMs = Date.UTC(2027, 0, 1);
const clocks: readonly number[] = [
  ...[hourMs, 10 * yearMs, 400 * dayMs].flatMap((byMs) => [nowMs + byMs, nowMs - byMs]),
  ...[1970, 2038, 2099].map((year) => Date.UTC(year, 3, 1)),
];
const jumps = 6;

interface ApiObject extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** A pod that goes a second after its node is thought to be away. */
const impatient = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'impatient', namespace: 'default' },
  spec: {
    nodeName: 'pi-1',
    containers: [{ name: 'main', image: 'busybox' }],
    tolerations: ['unreachable', 'not-ready'].map((taint) => ({
      key: `node.kubernetes.io/${taint}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 1,
    })),
  },
};

/** Clocks of a hub and of two boards jump while all run, over real TLS; `heals` is left out for the planted mistake. */
async function round({ random, tally }: Lab, heals = true): Promise<void> {
  const check = (invariant: string, holds: boolean, found: unknown): void => {
    tally.invariant(invariant);
    if (!holds) throw new Error(`${invariant}: ${JSON.stringify(found)}`);
  };
  const world = await openTrustHub({ wallMs: nowMs });
  try {
    const boards: { node: string; board: TrustBoard }[] = [];
    for (const node of ['pi-1', 'pi-2']) {
      const board = await world.board(await world.join(node), {
        wallMs: clocks[Math.floor(random.next() * clocks.length)] ?? 0,
        reports: true,
      });
      boards.push({ node, board });
    }
    const { admin } = world.hub;
    const nodes = admin.informer<ApiObject>('', 'nodes');
    const pods = admin.informer<ApiObject>('', 'pods');
    await until('both have registered', () => nodes.get('pi-1') && nodes.get('pi-2'));
    await until('a pod can be made', () => admin.resource<ApiObject>('', 'pods').create('default', impatient));
    const epochs: number[] = [];
    const reconnect = async ({ node, board }: (typeof boards)[number]): Promise<void> => {
      const before = board.sessions();
      const session = world.broker.session(node);
      if (session) world.broker.disconnect(session, 'cut');
      await board.welcomed(before);
      tally.invariant('boards connect whatever the clocks say');
      epochs.push(world.broker.session(node)?.epoch ?? 0);
      check(
        'session numbers grow whatever the clock says',
        epochs.every((epoch, at) => at === 0 || epoch > (epochs[at - 1] ?? 0)),
        epochs,
      );
    };
    for (let jump = 0; jump < jumps; jump++) {
      const hub = random.next() < 0.5;
      const toMs = clocks[Math.floor(random.next() * clocks.length)] ?? 0;
      tally.fault(hub ? "the hub's clock jumped" : "a board's clock jumped");
      if (hub) world.clock.set(toMs);
      else boards[Math.floor(random.next() * boards.length)]?.board.clock.set(toMs);
      if (random.next() < 0.5) world.clock.fire();
      const chosen = boards[Math.floor(random.next() * boards.length)];
      if (chosen) await reconnect(chosen);
      const taints = boards.map(({ node }) => nodes.get(node)?.spec?.['taints']);
      check('no board counts as away', !JSON.stringify(taints).includes('unreachable'), taints);
      const pod = pods.get('default/impatient');
      check('nothing is evicted', pod !== undefined && pod.metadata?.deletionTimestamp === undefined, pod?.metadata);
    }
    world.clock.set(nowMs);
    for (const { board } of boards) board.clock.set(nowMs);
    const isCurrent = (pem: string): boolean => {
      const { validFrom, validTo } = new X509Certificate(pem);
      const wallMs = world.clock.wallMs();
      return Date.parse(validFrom) <= wallMs && Date.parse(validTo) > wallMs;
    };
    await until('the certificate of the hub is of now', () => {
      if (heals) world.clock.fire();
      return isCurrent(world.pki.serverTls().cert) || !heals;
    });
    tally.invariant('certificates heal');
    if (!isCurrent(world.pki.serverTls().cert)) throw new Error('certificates heal: that of the hub did not');
    for (const chosen of boards) {
      await reconnect(chosen);
      await until('the certificate of a board is of now', () => {
        // A look that began under a wrong clock may end only now, on either side; the next one heals what it did.
        world.clock.fire();
        chosen.board.clock.fire();
        return isCurrent(chosen.board.renewal.current.certificate);
      });
      check('the clock floor heals', chosen.board.time.floorMs <= world.clock.wallMs() + dayMs, chosen.board.time.floorMs);
    }
  } finally {
    await world.close();
  }
}

export const wrongClocks: LabGoal = {
  id: 'R11',
  title: 'wall clocks ±1 h, ±10 years, 1970, 2038, 2099, jumping while all run: no eviction, nothing ordered by them, certificates heal',
  rounds: 300,
  round: (_seed, lab) => round(lab),
  faults: { kinds: ["the hub's clock jumped", "a board's clock jumped"], atLeast: 500 },
  invariants: [
    'boards connect whatever the clocks say',
    'session numbers grow whatever the clock says',
    'no board counts as away',
    'nothing is evicted',
    'certificates heal',
    'the clock floor heals',
  ],
  controls: [{ mistake: 'nobody looks at the certificates of the hub again', rounds: 30, round: (_seed, lab) => control(lab) }],
};

/** The looks of the hub come while its clock is wrong, and never afterwards. */
const control = (lab: Lab): Promise<void> => round(lab, false);
