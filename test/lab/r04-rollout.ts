import type { Deployment, Pod } from '@flotilla/shared/api/generated/types.js';
import type { Control, Lab, LabGoal, Shared } from './lab-goal.ts';
import { type QuietFleet, quietFleet } from './quiet-fleet.ts';

const podsPerBoard = 50;
/** What a rollout writes for each pod, roughly: the crash comes somewhere in the middle of it. */
const writesPerPod = 6;
const limitMs = 900_000;

const isReady = ({ status, metadata }: Pod): boolean =>
  metadata?.deletionTimestamp === undefined &&
  (status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false);

/** A fleet with one large Deployment, whose every change is looked at. */
class Rollouts implements Shared {
  readonly replicas: number;
  readonly quiet: QuietFleet;
  readonly #lab: Lab;
  readonly #bound = new Map<string, string>();
  readonly #ready = new Map<string, boolean>();
  #available = 0;
  #version = 1;
  /** A rollout is under way: from here on it may not go below. */
  #least = 0;

  private constructor(quiet: QuietFleet, replicas: number, lab: Lab) {
    this.quiet = quiet;
    this.replicas = replicas;
    this.#lab = lab;
  }

  static async open(seed: number, replicas: number, lab: Lab): Promise<Rollouts> {
    const quiet = await quietFleet(seed, Math.ceil((replicas * 1.5) / podsPerBoard), lab);
    const world = new Rollouts(quiet, replicas, lab);
    await world.#follow();
    await quiet.step(20_000);
    await quiet.fleet.hub.admin.resource<Deployment>('apps', 'deployments').create('default', deployment(replicas, 1));
    await quiet.settles(limitMs);
    world.#least = replicas - Math.floor(replicas / 4);
    return world;
  }

  /** One rollout, killed once in its middle; `meanwhile` happens right before. */
  async round(meanwhile: () => void = () => {}): Promise<void> {
    const { quiet, replicas } = this;
    const { fleet, step, settles } = quiet;
    const deployments = fleet.hub.admin.resource<Deployment>('apps', 'deployments');
    await deployments.update(
      'default',
      'web',
      (current) => ({ ...current, spec: deployment(replicas, ++this.#version).spec }) as Deployment,
    );
    const writes = 1 + Math.floor(this.#lab.random.next() * replicas * writesPerPod);
    let crashed = false;
    fleet.crashHubAtWrite(writes, () => {
      crashed = true;
    });
    for (let passedMs = 0; !crashed && passedMs < limitMs; passedMs += 100) await step(100);
    if (!crashed) throw new Error(`the rollout was over before its ${writes}th write`);
    this.#lab.tally.fault('hub killed in a rollout');
    meanwhile();
    await step(2_000 + this.#lab.random.next() * 10_000);
    await fleet.startHub();
    await settles(limitMs);
    this.#exactly();
  }

  /** The desired set and nothing else, in the API and on the boards. */
  #exactly(): void {
    const { ledger, fleet } = this.quiet;
    const pods = ledger.objects<Pod>('core/pods');
    const image = `localhost/app:${this.#version}`;
    const right = pods.filter(({ spec, metadata }) => spec?.containers[0]?.image === image && !metadata?.deletionTimestamp);
    const running = [...fleet.runtimes.values()].flatMap((runtime) =>
      runtime.containers().filter(({ container }) => container.status === 'running'),
    );
    const wrong = right.length !== this.replicas || pods.length !== this.replicas || running.length !== this.replicas;
    ledger.look(
      'exactly the desired set',
      wrong && `${right.length} of ${pods.length} pods are right and ${running.length} containers run, not ${this.replicas}`,
    );
    ledger.check();
  }

  async close(): Promise<void> {
    await this.quiet.fleet.stop();
  }

  async #follow(): Promise<void> {
    const { fleet, ledger } = this.quiet;
    await fleet.store.watch('/registry/core/pods/', 0, {
      events: (events) => {
        for (const { key, value, revision } of events) {
          const pod = value === undefined ? undefined : (JSON.parse(value) as Pod);
          this.#count(key, pod !== undefined && isReady(pod));
          const uid = pod?.metadata?.uid ?? '';
          const before = this.#bound.get(uid);
          const node = pod?.spec?.nodeName;
          if (node) this.#bound.set(uid, node);
          ledger.look('no pod is bound twice', before !== undefined && before !== node && `${key} went from ${before} to ${node}`);
          ledger.look(
            'maxUnavailable is kept',
            this.#available < this.#least && `${this.#available} pods are available at revision ${revision}, not ${this.#least}`,
          );
        }
      },
      ended: () => {},
    });
  }

  #count(key: string, ready: boolean): void {
    const before = this.#ready.get(key) ?? false;
    this.#ready.set(key, ready);
    this.#available += Number(ready) - Number(before);
  }

  /** Somebody changes what the store holds of a pod. */
  async rebind(): Promise<void> {
    const [pod] = this.quiet.ledger.objects<Pod>('core/pods').filter(({ spec }) => spec?.nodeName);
    if (!pod?.spec) throw new Error('no pod is bound');
    const moved = { ...pod, spec: { ...pod.spec, nodeName: pod.spec.nodeName === 'board-0' ? 'board-1' : 'board-0' } };
    await this.quiet.fleet.store.put(`/registry/core/pods/default/${pod.metadata?.name}`, JSON.stringify(moved));
  }

  /** Somebody takes more away than a rollout may. */
  async takeAway(): Promise<void> {
    const pods = this.quiet.ledger
      .objects<Pod>('core/pods')
      .filter(isReady)
      .slice(0, Math.ceil(this.replicas * 0.6));
    for (const { metadata } of pods) await this.quiet.fleet.store.delete(`/registry/core/pods/default/${metadata?.name}`);
  }
}

function deployment(replicas: number, version: number): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          // Tokens are signed by another thread, whose pace no seed decides.
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'main', image: `localhost/app:${version}` }],
        },
      },
    },
  };
}

const control = (mistake: string, plant: (world: Rollouts) => Promise<void>): Control => ({
  mistake,
  round: async (seed, lab) => {
    const world = await Rollouts.open(seed, 40, lab);
    try {
      await world.round(() => void plant(world));
    } finally {
      await world.close();
    }
  },
});

function goalOf(id: string, replicas: number, rounds: number): LabGoal {
  return {
    id,
    title: `hub killed in the middle of a rollout of ${replicas} pods`,
    rounds,
    round: async (seed, lab) => (await lab.once('rollouts', () => Rollouts.open(seed, replicas, lab))).round(),
    faults: { kinds: ['hub killed in a rollout'], atLeast: rounds },
    invariants: ['exactly the desired set', 'no pod is bound twice', 'maxUnavailable is kept', 'no start without cause'],
    controls: [
      control('a pod is bound to another board', (world) => world.rebind()),
      control('more pods are taken away than may be unavailable', (world) => world.takeAway()),
    ],
  };
}

export const rollout = goalOf('R4', 1000, 50);
/** What `npm test` has the time for. */
export const smallRollout = goalOf('R4-small', 200, 2);
