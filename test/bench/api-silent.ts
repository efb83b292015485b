import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { BenchHub } from './bench-hub.ts';
import { percentile, type Report } from './figure.ts';
import type { HttpsLoad } from './https-load.ts';
import { statusKb } from './memory.ts';

const watchers = 10_000;
const sliceMs = 20_000;
/** Of the object that everybody watches. */
const writesPerSecond = 10;
const maps = '/api/v1/namespaces/default/configmaps';
const watched = 'silent';
const othersEveryMs = 20;

export interface SilentOptions {
  readonly hub: BenchHub;
  readonly load: HttpsLoad;
  readonly report: Report;
}

/** 10,000 watchers that never read while what they watch changes: what others wait, and what it costs the hub. */
export async function measureSilentWatchers({ hub, load, report }: SilentOptions): Promise<void> {
  const data = { text: 'x'.repeat(2_000), count: '0' };
  await load.call('POST', maps, JSON.stringify({ metadata: { name: watched }, data }));
  const alone = await slice(load);
  const beforeKb = statusKb(hub.pid, 'VmRSS');
  const path = `${maps}?watch=1&fieldSelector=metadata.name%3D${watched}`;
  const script = new URL('./silent-watchers.ts', import.meta.url).pathname;
  const crowd = spawn(process.execPath, [script, hub.kubeconfig, path, String(watchers)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = once(crowd, 'exit');
  try {
    await once(crowd.stdout, 'data');
    const openKb = statusKb(hub.pid, 'VmRSS');
    const among = await slice(load);
    const peakKb = statusKb(hub.pid, 'VmHWM');
    const of = { suite: 'api', id: 'API', better: 'lower' } as const;
    const wait = `others' requests beside ${watchers} watchers that never read`;
    for (const share of [0.5, 0.99]) {
      const [value, baseline] = [percentile(among, share), percentile(alone, share)];
      report({ ...of, name: `${wait}, p${share * 100} of ${among.length}`, unit: 'ms', value, baseline, ratio: value / baseline });
    }
    const perWatcherKb = (openKb - beforeKb) / watchers;
    report({ ...of, name: 'memory of the hub for each of them, before anything changes', unit: 'kB', value: perWatcherKb });
    report({
      ...of,
      name: `most memory of the hub, ${(sliceMs / 1000) * writesPerSecond} changes unread`,
      unit: 'MB',
      value: peakKb / 1024,
    });
  } finally {
    crowd.stdin.end();
    await gone;
  }
}

/** The object changes at its pace; milliseconds of each read and write of somebody else. */
async function slice(load: HttpsLoad): Promise<number[]> {
  const tookMs: number[] = [];
  const endMs = performance.now() + sliceMs;
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const timed = async (work: () => Promise<unknown>): Promise<void> => {
    while (performance.now() < endMs) {
      const beganMs = performance.now();
      await work();
      tookMs.push(performance.now() - beganMs);
      await pause(othersEveryMs);
    }
  };
  let count = 0;
  const change = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const patch = JSON.stringify({ data: { count: String(++count) } });
      await load.ok('PATCH', `${maps}/${watched}`, patch, 'application/merge-patch+json');
      await pause(1_000 / writesPerSecond);
    }
  };
  const name = (): string => `other-${Math.random().toString(36).slice(2)}`;
  await Promise.all([
    change(),
    timed(() => load.ok('GET', '/api/v1/namespaces/default')),
    timed(() => load.ok('POST', maps, JSON.stringify({ metadata: { name: name() } }))),
  ]);
  return tookMs;
}
