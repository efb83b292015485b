import { until } from '../harness/until.ts';
import { BenchApi } from './bench-api.ts';
import { BenchHub } from './bench-hub.ts';
import { median, type Report } from './figure.ts';
import { benchNode, benchPod } from './manifests.ts';
import { statusKb } from './memory.ts';

const mb = 1000;
const small = { nodes: 100, pods: 10_000 };
const large = { nodes: 5_000, pods: 25_000 };
const startRounds = 3;
const settleMs = 5_000;

/** P7 and P14's first half: what a hub holds, and how soon it is back after SIGKILL. */
export async function measureHub(bundleDir: string, report: Report, suite = 'apply'): Promise<void> {
  const of = { suite, better: 'lower' } as const;
  const hub = await BenchHub.start(bundleDir);
  const settledMb = async (): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    return statusKb(hub.pid, 'VmRSS') / mb;
  };
  const starts = async ({ nodes, pods }: typeof small): Promise<void> => {
    const times: number[] = [];
    for (let round = 0; round < startRounds; round++) times.push((await hub.restart()) / 1000);
    report({ ...of, id: 'P14', name: `hub start after SIGKILL, ${nodes} nodes and ${pods} pods`, value: median(times), unit: 's', aim: 2 });
  };
  try {
    const empty = await settledMb();
    report({ ...of, id: 'P7', name: 'hub VmRSS, empty', value: empty, unit: 'MB', aim: 120 });

    await fill(hub, { nodes: 0, pods: 0 }, small);
    report({ ...of, id: 'P7', name: `hub VmRSS after ${small.pods} pods were created`, value: await settledMb(), unit: 'MB' });
    await starts(small);
    const perPod = ((await settledMb()) - empty) * (1000 / small.pods);
    report({ ...of, id: 'P7', name: `hub memory per pod, ${small.pods} pods, started anew`, value: perPod, unit: 'kB', aim: 10 });

    await fill(hub, small, large);
    await starts(large);
  } catch (error) {
    process.stderr.write(hub.tail());
    throw error;
  } finally {
    await hub.close();
  }
}

async function fill(hub: BenchHub, from: typeof small, to: typeof small): Promise<void> {
  const api = new BenchApi(hub.kubeconfig, { sockets: 32 });
  const base = '/api/v1/namespaces/default';
  await until('there is a service account', async () => (await api.call('GET', `${base}/serviceaccounts/default`)).status === 200);
  const post = async (path: string, first: number, end: number, body: (n: number) => unknown): Promise<void> => {
    let next = first;
    const worker = async (): Promise<void> => {
      while (next < end) await api.ok('POST', path, body(next++));
    };
    await Promise.all(Array.from({ length: 32 }, worker));
  };
  await post('/api/v1/nodes', from.nodes, to.nodes, (n) => benchNode(`node-${n}`));
  await post(`${base}/pods`, from.pods, to.pods, (n) => benchPod(`pod-${n}`, { nodeName: `node-${n % to.nodes}` }));
  api.close();
}
