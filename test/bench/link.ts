import { createHash } from 'node:crypto';
import type { SimulatedBroker } from '@flotilla/hub/broker/simulated/simulated-broker.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { countingCourier, LineCount } from '../integration/counting-courier.ts';
import { LinkBoard } from '../integration/link-board.ts';
import { type ApiObject, courierTo, openWorld, simulated } from '../integration/link-world.ts';
import type { Report } from './figure.ts';
import { measureFleet } from './measure-fleet.ts';
import { measureRecovery } from './measure-recovery.ts';

const identity = { node: 'board-1', keyId: 'key-1' };

const fleetBoards = 10_000;

/**
 * Three parts. What the application sends over the link: payload bytes after deflating, both directions, MQTT, TLS and TCP not counted. On a fake
 * clock: the same figures on every machine, but for the few bytes by which signatures deflate. What boards hand back after a loss (P17). And one hub with `boards` simulated boards.
 */
export async function run(report: Report, { boards = fleetBoards }: { readonly boards?: number | undefined } = {}): Promise<void> {
  for (const pods of [10, 100])
    await measure(pods, (name, value) => report({ suite: 'link', id: 'P10', better: 'lower', name, value, unit: 'B' }));
  await measureRecovery(report);
  await measureFleet(report, boards);
}

async function measure(pods: number, report: (name: string, bytes: number) => void): Promise<void> {
  const clock = new FakeClock();
  const store = { world: await openWorld({ clock, broker: simulated(clock, 1) }) };
  const line = new LineCount();
  const enrol = (): void => void store.world.boards.set('board-1', { ...identity, serial: '' });
  enrol();
  const courier = countingCourier(
    courierTo(() => store.world.broker, identity),
    line,
  );
  const board = new LinkBoard({ clock, courier, node: 'board-1', seed: 1 });
  const resources = (resource: string) => store.world.client.resource<ApiObject>('', resource);
  const broker = (): SimulatedBroker => store.world.broker as SimulatedBroker;
  const setImage = (name: string, image: string): Promise<unknown> =>
    resources('pods').update('default', name, (pod) => ({ ...pod, spec: podSpec(name, image) }));
  const counted = async (name: string, work: () => Promise<unknown>, prefixes: readonly string[]): Promise<void> => {
    line.reset();
    await work();
    await clock.advance(200_000);
    if (board.objects('pods').length !== pods) throw new Error(`${name}: the board has ${board.objects('pods').length} pods`);
    report(
      `${name}, ${pods} pods`,
      prefixes.reduce((sum, prefix) => sum + line.bytes(prefix), 0),
    );
  };
  const sync = ['down/manifest', 'down/objects', 'up/want', 'up/applied'];

  await resources('configmaps').create('default', {
    metadata: { name: 'settings', namespace: 'default' },
    data: { settings: settings(1) },
  });
  for (let index = 0; index < pods; index++) await resources('pods').create('default', podOf(`web-${index}`));
  await counted('full sync', async () => board.link.start(), sync);
  await counted('one pod changed', () => setImage('web-3', 'registry.example.com/web:1.1'), sync);
  await counted('reconnect unchanged, reports included', async () => {
    broker().partition('board-1', true);
    await clock.advance(1_000);
    broker().partition('board-1', false);
  }, ['']);
  await counted('reconnect unchanged', async () => {
    broker().partition('board-1', true);
    await clock.advance(1_000);
    broker().partition('board-1', false);
  }, ['up/hello', 'down/welcome', ...sync]);
  await counted(
    'one pod changed while the hub was started anew',
    async () => {
      const old = store.world;
      await old.close();
      store.world = await openWorld({ clock, store: old.store, broker: simulated(clock, 2) });
      enrol();
      await setImage('web-5', 'registry.example.com/web:1.2');
    },
    sync,
  );
  await counted(
    'a ConfigMap of 4 kB changed',
    () => resources('configmaps').update('default', 'settings', (current) => ({ ...current, data: { settings: settings(2) } })),
    sync,
  );
  await board.link.stop();
  await store.world.close();
}

/** A pod as the API keeps one that a ReplicaSet made, defaults included. */
function podOf(name: string): ApiObject {
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d78c9869d', controller: true, blockOwnerDeletion: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      generateName: 'web-5d78c9869d-',
      labels: { app: 'web', 'pod-template-hash': '5d78c9869d' },
      ownerReferences: [{ ...owner, uid: '0c7ac2c5-6f7e-4d05-9f5c-4c5fd0a3f1b2' }],
    },
    spec: podSpec(name, 'registry.example.com/web:1.0'),
  } as ApiObject;
}

function podSpec(name: string, image: string): Record<string, unknown> {
  const token = `kube-api-access-${createHash('sha256').update(name).digest('hex').slice(0, 5)}`;
  return {
    nodeName: 'board-1',
    containers: [
      {
        name: 'main',
        image,
        imagePullPolicy: 'IfNotPresent',
        ports: [{ containerPort: 8080, name: 'http', protocol: 'TCP' }],
        env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } }],
        resources: { limits: { cpu: '100m', memory: '64Mi' }, requests: { cpu: '10m', memory: '64Mi' } },
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        volumeMounts: [
          { mountPath: '/etc/settings', name: 'settings' },
          { mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', name: token, readOnly: true },
        ],
      },
    ],
    volumes: [
      { name: 'settings', configMap: { name: 'settings', defaultMode: 420 } },
      {
        name: token,
        projected: {
          defaultMode: 420,
          sources: [
            { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
            { configMap: { items: [{ key: 'ca.crt', path: 'ca.crt' }], name: 'kube-root-ca.crt' } },
            { downwardAPI: { items: [{ fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' }, path: 'namespace' }] } },
          ],
        },
      },
    ],
    dnsPolicy: 'ClusterFirst',
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
    priority: 0,
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    securityContext: {},
    serviceAccount: 'default',
    serviceAccountName: 'default',
    terminationGracePeriodSeconds: 30,
    tolerations: [{ effect: 'NoExecute', key: 'node.kubernetes.io/not-ready', operator: 'Exists' }],
  };
}

/** Text of 4 kB that deflates to half, as settings do. */
function settings(seed: number): string {
  return Array.from(
    { length: 60 },
    (_, index) => `setting-${index} = ${createHash('sha256').update(`${seed} ${index}`).digest('hex').slice(0, 50)}`,
  ).join('\n');
}
