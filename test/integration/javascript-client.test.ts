import { definitions } from '@flotilla/hub/registry/definitions.js';
import {
  ADD,
  ApiException,
  CoordinationV1Api,
  CoreV1Api,
  DELETE,
  ERROR,
  KubeConfig,
  makeInformer,
  UPDATE,
  type V1ConfigMap,
  type V1Lease,
  V1MicroTime,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiHub, startApiHub } from '../harness/api-hub.ts';
import { LinkProxy } from '../harness/link-proxy.ts';
import { until } from '../harness/until.ts';

const otherAddress = '127.0.0.3';
let hub: ApiHub;
let line: LinkProxy;
/** Through the line, which can be cut. */
let config: KubeConfig;
beforeAll(async () => {
  hub = await startApiHub({ definitions });
  line = await LinkProxy.open(otherAddress, '127.0.0.1', [hub.port]);
  config = new KubeConfig();
  config.loadFromFile(hub.kubeconfig);
  const [cluster] = config.clusters;
  if (!cluster) throw new Error('no cluster');
  config.clusters = [{ ...cluster, server: `https://${otherAddress}:${hub.port}`, tlsServerName: 'localhost' }];
  await config.makeApiClient(CoreV1Api).createNamespace({ body: { metadata: { name: 'default' } } });
});
afterAll(async () => {
  await line?.close();
  await hub?.close();
});

test('an informer of the JavaScript client holds what is there, over a break of its connection too', async () => {
  const core = config.makeApiClient(CoreV1Api);
  const namespace = 'default';
  const labels = { app: 'seen' };
  const write = (name: string, value: string): Promise<V1ConfigMap> =>
    core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels }, data: { value } } });
  await write('before', '1');
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'other' } } });

  const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: 'app=seen' });
  const informer = makeInformer<V1ConfigMap>(config, `/api/v1/namespaces/${namespace}/configmaps`, list, 'app=seen');
  const told: string[] = [];
  for (const verb of [ADD, UPDATE, DELETE] as const) {
    informer.on(verb, ({ metadata, data }) => void told.push(`${verb} ${metadata?.name} ${data?.['value']}`));
  }
  let stopped = false;
  // As its documentation says: what breaks is started again.
  informer.on(ERROR, () => {
    if (!stopped) setTimeout(() => void informer.start().catch(() => {}), 50);
  });
  await informer.start();
  const held = (): string[] =>
    informer
      .list()
      .map(({ metadata, data }) => `${metadata?.name} ${data?.['value']}`)
      .sort();
  await until('what was there is held', () => held().join() === 'before 1');

  await write('later', '1');
  await core.replaceNamespacedConfigMap({ name: 'later', namespace, body: { metadata: { name: 'later', labels }, data: { value: '2' } } });
  await core.deleteNamespacedConfigMap({ name: 'before', namespace });
  await until('what changed is told', () => told.includes('delete before 1'));
  expect(told).toEqual(['add before 1', 'add later 1', 'update later 2', 'delete before 1']);

  line.cut();
  // Behind its back.
  const direct = new KubeConfig();
  direct.loadFromFile(hub.kubeconfig);
  const own = direct.makeApiClient(CoreV1Api);
  await own.deleteNamespacedConfigMap({ name: 'later', namespace });
  await own.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'meanwhile', labels }, data: { value: '1' } } });
  line.mend();
  await until('it holds what is there now', () => held().join() === 'meanwhile 1');
  stopped = true;
  await informer.stop();
});

test('a leader is elected by a Lease: of those who want it at once one gets it, term after term', async () => {
  const leases = config.makeApiClient(CoordinationV1Api);
  const namespace = 'default';
  const name = 'leader';
  const candidates = ['a', 'b', 'c', 'd', 'e'];
  const spec = (holder: string, transitions: number): NonNullable<V1Lease['spec']> => ({
    holderIdentity: holder,
    leaseDurationSeconds: 15,
    acquireTime: new V1MicroTime(),
    renewTime: new V1MicroTime(),
    leaseTransitions: transitions,
  });
  /** Whether it was taken; false when somebody else was quicker. */
  const taken = async (write: Promise<V1Lease>): Promise<boolean> =>
    write.then(
      () => true,
      (error: unknown) => {
        if (error instanceof ApiException && error.code === 409) return false;
        throw error;
      },
    );
  const winners: string[] = [];
  const race = async (attempt: (candidate: string) => Promise<V1Lease>): Promise<void> => {
    const won = await Promise.all(candidates.map(async (candidate) => ((await taken(attempt(candidate))) ? [candidate] : [])));
    expect(won.flat()).toHaveLength(1);
    winners.push(...won.flat());
    const { spec: now } = await leases.readNamespacedLease({ name, namespace });
    expect(now).toMatchObject({ holderIdentity: winners.at(-1), leaseTransitions: winners.length - 1 });
  };
  await race((candidate) => leases.createNamespacedLease({ namespace, body: { metadata: { name }, spec: spec(candidate, 0) } }));
  for (let term = 1; term <= 4; term++) {
    // All have seen the same lease run out.
    const seen = await leases.readNamespacedLease({ name, namespace });
    await race((candidate) =>
      leases.replaceNamespacedLease({ name, namespace, body: { ...seen, spec: spec(candidate, (seen.spec?.leaseTransitions ?? 0) + 1) } }),
    );
    // The one who has it renews it, and whoever lost and tries again with what he saw is refused.
    const mine = await leases.readNamespacedLease({ name, namespace });
    await leases.replaceNamespacedLease({ name, namespace, body: { ...mine, spec: { ...mine.spec, renewTime: new V1MicroTime() } } });
    expect(await taken(leases.replaceNamespacedLease({ name, namespace, body: { ...seen, spec: spec('late', 99) } }))).toBe(false);
  }
});
