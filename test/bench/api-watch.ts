import type { BareHttps } from './bare-https.ts';
import { median, percentile, type Report } from './figure.ts';
import { closedLoop, type HttpsLoad } from './https-load.ts';

const rounds = 3;
const sliceMs = 2_000;
const writers = 4;
const settleMs = 300;
const writes = 100;
const maps = '/api/v1/namespaces/default/configmaps';
const name = 'fan-out';
const watchPath = `${maps}?watch=1&fieldSelector=metadata.name%3D${name}`;

export interface WatchOptions {
  readonly own: HttpsLoad;
  readonly bare: BareHttps;
  readonly against?: HttpsLoad | undefined;
  readonly report: Report;
}

/** P19: how many events of one object's changes reach watchers; and, of P13, how soon the last of a hundred hears of a write. */
export async function measureWatches({ own, bare, against, report }: WatchOptions): Promise<void> {
  let count = 0;
  const change = (load: HttpsLoad) => () =>
    load.ok('PATCH', `${maps}/${name}`, JSON.stringify({ data: { count: String(++count) } }), patch);
  const object = JSON.stringify({ metadata: { name }, data: { text: 'x'.repeat(500), count: '0' } });
  for (const load of [own, ...(against ? [against] : [])]) await load.call('POST', maps, object);
  // As long as an event of the hub's.
  const event = `${JSON.stringify({ type: 'MODIFIED', object: JSON.parse(object) as unknown, more: 'x'.repeat(400) })}\n`;
  const others = against
    ? { load: against, path: watchPath, work: change(against), name: 'the other server' }
    : { load: bare.load, path: '/watch', work: () => bare.load.ok('POST', '/event', event), name: 'bare node:https' };

  for (const watchers of [100, 1_000]) {
    const rates: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      rates.push(await deliveredPerSecond(own, watchPath, watchers, change(own)));
      theirs.push(await deliveredPerSecond(others.load, others.path, watchers, others.work));
    }
    const ratio = median(rates.map((rate, n) => rate / (theirs[n] ?? Number.NaN)));
    const of = { suite: 'api', id: 'P19', unit: '/s', better: 'higher', ...(against ? { aim: 1 } : {}) } as const;
    report({
      ...of,
      name: `events to ${watchers} watchers (beside ${others.name})`,
      value: median(rates),
      baseline: median(theirs),
      ratio,
    });
  }
  const delays = await delaysOf(own, 100, change(own));
  const p99 = { value: percentile(delays, 0.99), unit: 'ms', aim: 20, better: 'lower' } as const;
  report({ suite: 'api', id: 'P13', name: `write → event at each of 100 watchers, p99 of ${delays.length}`, ...p99 });
}

const patch = 'application/merge-patch+json';

async function watching(load: HttpsLoad, path: string, watchers: number, onLines: (count: number) => void): Promise<() => void> {
  const open = await Promise.all(Array.from({ length: watchers }, () => load.lines(path, onLines)));
  // What there is comes first.
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  return () => {
    for (const watch of open) watch.stop();
  };
}

async function deliveredPerSecond(load: HttpsLoad, path: string, watchers: number, work: () => Promise<unknown>): Promise<number> {
  let delivered = 0;
  const stop = await watching(load, path, watchers, (count) => {
    delivered += count;
  });
  delivered = 0;
  const beganMs = performance.now();
  await closedLoop(writers, sliceMs, work);
  const perSecond = (delivered * 1000) / (performance.now() - beganMs);
  stop();
  return perSecond;
}

/** One write after another: milliseconds from the begin of each to each watcher's event of it. */
async function delaysOf(load: HttpsLoad, watchers: number, work: () => Promise<unknown>): Promise<number[]> {
  const delays: number[] = [];
  let beganMs = 0;
  let heard = 0;
  let all = (): void => {};
  const stop = await watching(load, watchPath, watchers, (count) => {
    for (let n = 0; n < count; n++) delays.push(performance.now() - beganMs);
    heard += count;
    if (heard >= watchers) all();
  });
  delays.length = 0;
  for (let n = 0; n < writes; n++) {
    heard = 0;
    beganMs = performance.now();
    const told = new Promise<void>((resolve) => {
      all = resolve;
    });
    await Promise.all([work(), told]);
  }
  stop();
  return delays;
}
