import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@flotilla/hub/store/etcd/etcd-client.js';
import { ensureTools } from '@flotilla/shared/platform/tools.js';
import { Etcd } from '../harness/etcd.ts';
import { median, percentile, type Report } from './figure.ts';
import { closedLoop, type HttpsLoad } from './https-load.ts';
import { benchNode, benchPod } from './manifests.ts';

const clients = [1, 16, 64, 256];
const rounds = 5;
const sliceMs = 1_500;
export const podsPath = '/api/v1/namespaces/default/pods';
/** Where pods are said to run, so that nobody has them scheduled. */
export const benchNodeName = 'bench';

let pods = 0;
const nextPod = (): string => JSON.stringify(benchPod(`load-${process.pid}-${pods++}`, { nodeName: benchNodeName }));

export async function makeNode(load: HttpsLoad): Promise<void> {
  await load.call('POST', '/api/v1/nodes', JSON.stringify(benchNode(benchNodeName)));
}

/** P1: pods that are on the disk when they are acknowledged, next to etcd's puts of as many bytes, or to another server's pods. */
export async function measurePosts(own: HttpsLoad, report: Report, against?: HttpsLoad): Promise<void> {
  const other = against ? postsTo(against) : await etcdPuts();
  try {
    for (const count of clients) {
      const rates: number[] = [];
      const theirs: number[] = [];
      const tookMs: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const slice = await closedLoop(count, sliceMs, () => own.admitted('POST', podsPath, nextPod()));
        rates.push(slice.perSecond);
        tookMs.push(...slice.tookMs);
        theirs.push((await closedLoop(count, sliceMs, other.put)).perSecond);
      }
      const ratio = median(rates.map((rate, n) => rate / (theirs[n] ?? Number.NaN)));
      const aim = against ? { 1: 3, 64: 5 }[count] : { 1: 1.2, 64: 0.8 }[count];
      const of = { suite: 'api', id: 'P1', name: `durable POST of pods, ${count} clients (beside ${other.name})`, unit: '/s' } as const;
      report({ ...of, value: median(rates), baseline: median(theirs), ratio, ...(aim === undefined ? {} : { aim }), better: 'higher' });
      for (const [what, share] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const)
        report({ ...of, name: `  ${what} of it`, value: percentile(tookMs, share), unit: 'ms', better: 'lower' });
    }
  } finally {
    await other.close();
  }
}

interface Other {
  readonly name: string;
  put(): Promise<unknown>;
  close(): Promise<void>;
}

function postsTo(load: HttpsLoad): Other {
  return { name: 'the other server', put: () => load.admitted('POST', podsPath, nextPod()), close: async () => {} };
}

/** On the same disk, by gRPC, with the bytes of a pod as it is stored. */
async function etcdPuts(): Promise<Other> {
  ensureTools(['etcd']);
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-bench-etcd-'));
  const etcd = await Etcd.start(dir);
  const client = connect({ endpoints: [etcd.endpoint] }, () => Date.now());
  const value = 'x'.repeat(2_000);
  return {
    name: "etcd's put",
    put: () => client.put(`/bench/${pods++}`).value(value).exec(),
    close: async () => {
      client.close();
      await etcd.kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
