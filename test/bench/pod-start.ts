import type { Board } from '../harness/board.ts';
import { until } from '../harness/until.ts';
import { BarePodman } from './bare-podman.ts';
import type { BenchApi } from './bench-api.ts';
import { median, percentile, type Report } from './figure.ts';
import { benchDeployment, benchPod } from './manifests.ts';

const oneRounds = 15;
const twentyRounds = 5;
const replicas = 20;
/** The agent's: pod workers. */
const atOnce = 8;
const pods = '/api/v1/namespaces/default/pods';
const deployments = '/apis/apps/v1/namespaces/default/deployments';

/** P4: from the first byte of the POST until a watch shows Running, next to the same podman calls made bare. */
export async function measurePodStart(api: BenchApi, board: Board, report: Report): Promise<void> {
  const running = new Set<string>();
  let wake = (): void => {};
  const watch = await api.watch(pods, ({ type, object }) => {
    if (type === 'DELETED') running.delete(object.metadata.name);
    else if (object.status?.phase === 'Running') running.add(object.metadata.name);
    wake();
  });
  const reached = (count: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${running.size} of ${count} pods run after 60 s`)), 60_000);
      wake = () => {
        if (running.size !== count) return;
        clearTimeout(timer);
        resolve(performance.now());
      };
      wake();
    });
  const empty = async (): Promise<void> => {
    await reached(0);
    await until('the board has no containers', async () => (await board.containers()).length === 0);
  };
  const one = async (name: string): Promise<number> => {
    const beganMs = performance.now();
    const posted = api.ok('POST', pods, benchPod(name));
    const [atMs] = await Promise.all([reached(1), posted]);
    return atMs - beganMs;
  };

  // The first of everything is not measured: it fills caches on both sides, and shows what the bare calls have to be like.
  await one('first');
  const [container] = await board.containers();
  if (!container) throw new Error('there is no container');
  const bare = await BarePodman.like(board, container.id);
  await api.ok('DELETE', `${pods}/first`);
  await empty();
  await bare.time(1, 1);

  const own: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < oneRounds; round++) {
    own.push(await one(`one-${round}`));
    await api.ok('DELETE', `${pods}/one-${round}`);
    await empty();
    theirs.push(await bare.time(1, 1));
  }
  const ratios = own.map((value, n) => value / (theirs[n] ?? Number.NaN));
  const of = { suite: 'apply', id: 'P4', unit: 'ms', better: 'lower' } as const;
  report({ ...of, name: 'apply → Running, 1 pod, p50', value: median(own), baseline: median(theirs), ratio: median(ratios), aim: 1.25 });
  const [ownP99, theirP99] = [percentile(own, 0.99), percentile(theirs, 0.99)];
  report({
    ...of,
    name: `apply → Running, 1 pod, p99 (of ${oneRounds})`,
    value: ownP99,
    baseline: theirP99,
    ratio: ownP99 / theirP99,
    aim: 2,
  });

  const many: number[] = [];
  const bareMany: number[] = [];
  for (let round = 0; round < twentyRounds; round++) {
    const beganMs = performance.now();
    const posted = api.ok('POST', deployments, benchDeployment('many', replicas));
    const [atMs] = await Promise.all([reached(replicas), posted]);
    many.push(atMs - beganMs);
    await api.ok('DELETE', `${deployments}/many`);
    await empty();
    bareMany.push(await bare.time(replicas, atOnce));
  }
  const manyRatios = many.map((value, n) => value / (bareMany[n] ?? Number.NaN));
  report({
    ...of,
    name: `apply → Running, Deployment of ${replicas}, p50 of ${twentyRounds}`,
    value: median(many),
    baseline: median(bareMany),
    ratio: median(manyRatios),
    aim: 1.25,
  });
  watch.stop();
  bare.close();
}
