import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../harness/until.ts';
import { benchNodeName, makeNode, measurePosts, podsPath } from './api-post.ts';
import { measureReads } from './api-read.ts';
import { measureSilentWatchers } from './api-silent.ts';
import { measureStore } from './api-store.ts';
import { measureWatches } from './api-watch.ts';
import { BareHttps } from './bare-https.ts';
import { BenchHub } from './bench-hub.ts';
import { bundle } from './bundle.ts';
import type { Report } from './figure.ts';
import { HttpsLoad } from './https-load.ts';
import { measureHub } from './hub-size.ts';
import { benchPod } from './manifests.ts';

const parts = ['post', 'store', 'read', 'watch', 'hub', 'silent'] as const;
/** Runs only when it is asked for: it opens 10,000 connections. */
const onDemand: ReadonlySet<string> = new Set(['silent']);
const podsToRead = 23_000;
const writers = 32;

/**
 * What the API does a second: P1 (`post`), P2 (`store`), P13 (`read`), P19 (`watch`), P7 and P14 (`hub`), watchers that never read (`silent`). With `against` the same load is
 * put on that server in turns, and cleared away afterwards; else next to each figure stands one that was taken in the same run.
 */
export async function run(
  report: Report,
  options: { readonly only?: string | undefined; readonly against?: string | undefined },
): Promise<void> {
  const wanted = parts.filter((part) => (options.only === undefined ? !onDemand.has(part) : part === options.only));
  if (wanted.length === 0) throw new Error(`there is no part ${options.only}; there are ${parts.join(', ')}`);
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-bench-'));
  try {
    await bundle('hub', join(dir, 'hub'));
    if (wanted.some((part) => part !== 'store' && part !== 'hub')) await measureApi(join(dir, 'hub'), wanted, report, options.against);
    if (wanted.includes('store')) await measureStore(report);
    if (wanted.includes('hub')) await measureHub(join(dir, 'hub'), report, 'api');
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function measureApi(
  bundleDir: string,
  wanted: readonly (typeof parts)[number][],
  report: Report,
  otherConfig: string | undefined,
): Promise<void> {
  const hub = await BenchHub.start(bundleDir);
  const bare = await BareHttps.start();
  const own = HttpsLoad.of(hub.kubeconfig);
  const against = otherConfig === undefined ? undefined : HttpsLoad.of(otherConfig);
  const servers = against ? [own, against] : [own];
  try {
    for (const load of servers) {
      const account = '/api/v1/namespaces/default/serviceaccounts/default';
      await until('there is a service account', async () => (await load.call('GET', account)).status === 200);
      await makeNode(load);
    }
    if (wanted.includes('post')) await measurePosts(own, report, against);
    if (wanted.includes('watch')) await measureWatches({ own, bare, against, report });
    if (wanted.includes('silent')) await measureSilentWatchers({ hub, load: own, report });
    if (wanted.includes('read')) {
      for (const load of servers) await fill(load);
      await measureReads({ own, kubeconfig: hub.kubeconfig, bare, against, pods: podsToRead, pod: 'read-0', report });
    }
  } catch (error) {
    process.stderr.write(hub.tail());
    throw error;
  } finally {
    if (against) await clear(against);
    for (const load of servers) load.close();
    await bare.close();
    await hub.close();
  }
}

/** As many pods as are to be read, whatever was there before. */
async function fill(load: HttpsLoad): Promise<void> {
  await load.ok('DELETE', `${podsPath}?gracePeriodSeconds=0`);
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < podsToRead) {
      const pod = benchPod(`read-${next++}`, { nodeName: benchNodeName });
      await load.ok('POST', podsPath, JSON.stringify(pod));
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
}

async function clear(load: HttpsLoad): Promise<void> {
  await load.call('DELETE', `${podsPath}?gracePeriodSeconds=0`);
  await load.call('DELETE', '/api/v1/namespaces/default/configmaps/fan-out');
  await load.call('DELETE', `/api/v1/nodes/${benchNodeName}`);
}
