import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { podsPath } from './api-post.ts';
import type { BareHttps } from './bare-https.ts';
import { median, percentile, type Report } from './figure.ts';
import { closedLoop, HttpsLoad } from './https-load.ts';

const rounds = 5;
const sliceMs = 1_500;
const lists = 7;
const probeEveryMs = 5;

export interface ReadOptions {
  readonly own: HttpsLoad;
  readonly kubeconfig: string;
  readonly bare: BareHttps;
  readonly against?: HttpsLoad | undefined;
  /** How many there are in the namespace. */
  readonly pods: number;
  /** One of them. */
  readonly pod: string;
  readonly report: Report;
}

/** P13: single pods and all of them, next to a bare server that sends as many bytes, or to another that has as many pods. */
export async function measureReads({ own, kubeconfig, bare, against, pods, pod, report }: ReadOptions): Promise<void> {
  const of = { suite: 'api', id: 'P13' } as const;
  const beside = against ? 'the other server' : 'bare node:https';
  const path = `${podsPath}/${pod}`;
  const { bytes } = await own.ok('GET', path);
  for (const clients of [1, 16] as const) {
    const rates: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      rates.push((await closedLoop(clients, sliceMs, () => own.ok('GET', path))).perSecond);
      const other = against ? () => against.ok('GET', path) : () => bare.load.ok('GET', `/${bytes}`);
      theirs.push((await closedLoop(clients, sliceMs, other)).perSecond);
    }
    const ratio = median(rates.map((rate, n) => rate / (theirs[n] ?? Number.NaN)));
    const aim = against ? { 1: 3, 16: 5 }[clients] : undefined;
    const name = `GET of a pod of ${bytes} bytes, ${clients} clients (beside ${beside})`;
    report({ ...of, name, value: median(rates), unit: '/s', baseline: median(theirs), ratio, ...(aim ? { aim } : {}), better: 'higher' });
  }

  // The first makes the text that the others are made of.
  const { bytes: allBytes } = await own.ok('GET', podsPath);
  await against?.ok('GET', podsPath);
  const [ownMs, otherMs]: [number[], number[]] = [[], []];
  const timed = async (times: number[], work: () => Promise<unknown>): Promise<void> => {
    const beganMs = performance.now();
    await work();
    times.push(performance.now() - beganMs);
  };
  const probe = Probe.start(kubeconfig);
  for (let round = 0; round < lists; round++) await timed(ownMs, () => own.ok('GET', podsPath));
  const delays = await probe.stop();
  for (let round = 0; round < lists; round++)
    await timed(otherMs, () => (against ? against.ok('GET', podsPath) : bare.load.ok('GET', `/${allBytes}`)));
  const list = { value: median(ownMs) / 1000, baseline: median(otherMs) / 1000, ratio: median(ownMs) / median(otherMs) };
  const name = `LIST of ${pods} pods, ${(allBytes / 1e6).toFixed(0)} MB (beside ${beside})`;
  report({ ...of, name, ...list, unit: 's', ...(against ? { aim: 0.3 } : {}), better: 'lower' });
  const words = `  what another request waits meanwhile, p99 of ${delays.length}`;
  report({ ...of, name: words, value: percentile(delays, 0.99), unit: 'ms', aim: 50, better: 'lower' });
}

/** Asks /livez every few milliseconds on a thread of its own: an answer is late by as much as the hub's event loop is. */
class Probe {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  static start(kubeconfig: string): Probe {
    return new Probe(new Worker(new URL(import.meta.url), { workerData: { probe: kubeconfig } }));
  }

  /** Milliseconds that each answer took. */
  stop(): Promise<number[]> {
    return new Promise((resolve) => {
      this.#worker.once('message', (delays: number[]) => {
        void this.#worker.terminate();
        resolve(delays);
      });
      this.#worker.postMessage('stop');
    });
  }
}

async function ask(kubeconfig: string): Promise<void> {
  const load = HttpsLoad.of(kubeconfig);
  const delays: number[] = [];
  let stopped = false;
  parentPort?.once('message', () => {
    stopped = true;
  });
  while (!stopped) {
    const beganMs = performance.now();
    await load.ok('GET', '/livez');
    delays.push(performance.now() - beganMs);
    await new Promise((resolve) => setTimeout(resolve, probeEveryMs));
  }
  parentPort?.postMessage(delays);
}

const asked = (workerData as { probe?: string } | null)?.probe;
if (!isMainThread && asked) await ask(asked);
