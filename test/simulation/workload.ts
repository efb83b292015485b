import type { ConfigMap, Deployment, Pod } from '@flotilla/shared/api/generated/types.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { Fleet } from './fleet.ts';
import type { Ledger } from './ledger.ts';

/** Never changed after it was made: its pods stay for ever. */
export const still = 'still';
export const settings = 'settings';

const apps = ['app-0', 'app-1', 'app-2', 'app-3'];
const mostReplicas = 6;

function deployment(name: string, replicas: number, version: number): Deployment {
  const changing = name !== still;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          // Tokens are signed by another thread, whose pace no seed decides.
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'main',
              image: `localhost/app:${version}`,
              ...(changing ? { volumeMounts: [{ name: settings, mountPath: '/settings' }] } : {}),
            },
          ],
          ...(changing ? { volumes: [{ name: settings, configMap: { name: settings } }] } : {}),
        },
      },
    },
  };
}

/** What the operator of a simulated fleet does, as chance has it. He does not wait: a hub that dies never answers. */
export class Workload {
  readonly #fleet: Fleet;
  readonly #ledger: Ledger;
  readonly #random: Random;
  #once = 0;
  #version = 1;

  constructor(fleet: Fleet, ledger: Ledger, random: Random) {
    this.#fleet = fleet;
    this.#ledger = ledger;
    this.#random = random;
  }

  begin(replicas: number): void {
    const { admin } = this.#fleet.hub;
    this.#told(admin.resource<ConfigMap>('', 'configmaps').create('default', this.#settings()));
    this.#told(admin.resource<Deployment>('apps', 'deployments').create('default', deployment(still, replicas, 1)));
  }

  /** One change of some kind. */
  change(): void {
    const { admin } = this.#fleet.hub;
    const deployments = admin.resource<Deployment>('apps', 'deployments');
    const pods = admin.resource<Pod>('', 'pods');
    const name = this.#any(apps) ?? '';
    const current = this.#ledger.live.get(`/registry/apps/deployments/default/${name}`) as Deployment | undefined;
    const replicas = 1 + Math.floor(this.#random.next() * mostReplicas);
    const turn = this.#random.next();
    if (turn < 0.2) {
      this.#told(
        admin
          .resource<ConfigMap>('', 'configmaps')
          .update('default', settings, (latest) => ({ ...latest, data: this.#settings().data ?? {} })),
      );
    } else if (turn < 0.35) {
      this.#told(pods.create('default', this.#runOnce()));
    } else if (turn < 0.5) {
      const pod = this.#any(
        this.#ledger
          .objects<Pod>('core/pods')
          .filter(({ metadata }) => metadata?.labels?.['app'] !== still && !metadata?.deletionTimestamp),
      );
      if (pod) this.#told(pods.delete('default', pod.metadata?.name ?? ''));
    } else if (!current) {
      this.#told(deployments.create('default', deployment(name, replicas, this.#version)));
    } else if (turn < 0.6) {
      this.#told(deployments.delete('default', name));
    } else if (turn < 0.8) {
      this.#told(
        deployments.update('default', name, (latest) => ({ ...latest, spec: { ...latest.spec, replicas } as Deployment['spec'] })),
      );
    } else {
      const { spec } = deployment(name, current.spec?.replicas ?? 1, ++this.#version);
      this.#told(
        deployments.update('default', name, (latest) => ({
          ...latest,
          spec: { ...spec, replicas: latest.spec?.replicas } as Deployment['spec'],
        })),
      );
    }
  }

  #settings(): ConfigMap {
    return {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: settings, namespace: 'default' },
      data: { at: String(this.#fleet.clock.monotonicMs()) },
    };
  }

  #runOnce(): Pod {
    const env = [
      { name: 'FAKE_EXIT_AFTER_MS', value: String(1000 + Math.floor(this.#random.next() * 60_000)) },
      { name: 'FAKE_EXIT_CODE', value: this.#random.next() < 0.7 ? '0' : '3' },
    ];
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `once-${++this.#once}`, namespace: 'default' },
      spec: {
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'main', image: 'localhost/once:1', env }],
      },
    };
  }

  #any<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#random.next() * items.length)];
  }

  /** What the API answered must be true; what it refused, or never answered, may be anything. */
  #told(write: Promise<unknown>): void {
    write.then(
      (object) => object !== undefined && this.#ledger.written(object as KubeObject),
      () => {},
    );
  }
}
