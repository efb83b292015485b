import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../harness/until.ts';
import { BenchApi } from './bench-api.ts';
import { BenchHub } from './bench-hub.ts';
import { bundle } from './bundle.ts';
import { median, percentile, type Report } from './figure.ts';
import { Fleet } from './fleet.ts';
import { benchDeployment, benchPod } from './manifests.ts';
import { measureDay } from './measure-day.ts';
import { statusKb } from './memory.ts';
import { carriedBytes, cpuSeconds, writtenBytes } from './process-cost.ts';
import { runningOf } from './running-pods.ts';

const podsPerBoard = 10;
/** Two keep-alives: so many pings are in it, whenever it begins. */
const idleMs = 40_000;
const settleMs = 8_000;
const startRounds = 20;
const keepAliveSeconds = 20;
const waitMs = 600_000;
const mb = 1000;
/** A TLS 1.3 record of two bytes each way: the least that a ping and its answer can be. */
const bareHeartbeatBytes = 48;

interface World {
  readonly hub: BenchHub;
  readonly fleet: Fleet;
  api: BenchApi;
  readonly report: Report;
}

/**
 * One hub and simulated boards with ten pods each, in three sizes: what they cost (P4, P7, P10, P11, P12), what a rollout to half of them
 * takes (P5), and the time until all are back after the hub was killed (P6).
 */
export async function measureFleet(report: Report, boards: number): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-bench-'));
  await bundle('hub', join(dir, 'hub'));
  await bundle('agent', join(dir, 'agent'));
  await measureDay(report, { hub: join(dir, 'hub'), agent: join(dir, 'agent') });
  // No pod of a simulated board needs an address of its own that is real, but each board needs a range.
  const hub = await BenchHub.start(join(dir, 'hub'), ['--log-level', 'warn']);
  const fleet = new Fleet(join(dir, 'agent'), hub);
  const world: World = { hub, fleet, api: new BenchApi(hub.kubeconfig, { sockets: 64 }), report };
  try {
    await namespaces(world.api, ['fleet', 'start', 'rollout']);
    await pause(settleMs);
    const empty = { rssKb: statusKb(hub.pid, 'VmRSS'), cpu: await idleCpu(world) };
    const stages = [...new Set([boards / 100, boards / 10, boards].map((size) => Math.max(1, Math.round(size))))];
    const starts: number[] = [];
    for (const size of stages) starts.push(await measureSize(world, size, empty, starts[0]));
    await measureRollout(world);
    await measureComeback(world);
  } catch (error) {
    process.stderr.write(`${hub.tail()}${fleet.tail()}`);
    throw error;
  } finally {
    world.api.close();
    await fleet.close();
    await hub.close();
    await rm(dir, { recursive: true, force: true });
  }
}

/** @returns p50 of apply → Running at this size, in ms */
async function measureSize(world: World, size: number, empty: { rssKb: number; cpu: number }, least?: number): Promise<number> {
  const { api, fleet, hub, report } = world;
  const of = { suite: 'link', better: 'lower' } as const;
  const before = fleet.boards;
  const [beganMs, beganCpu] = [performance.now(), cpuSeconds(hub.pid)];
  await fleet.grow(size);
  const joined = size - before;
  const joinSeconds = (performance.now() - beganMs) / 1000;
  report({ ...of, id: 'P7', name: `${joined} boards join and connect, ${size} then`, value: joinSeconds, unit: 's' });
  report({
    ...of,
    id: 'P7',
    name: `  hub CPU for each of ${joined} boards that join`,
    value: ((cpuSeconds(hub.pid) - beganCpu) / joined) * 1e3,
    unit: 'ms',
  });
  await pause(settleMs);
  const boardsKb = statusKb(hub.pid, 'VmRSS');
  await post(joined * podsPerBoard, (index) => {
    const number = before + Math.floor(index / podsPerBoard);
    return api.ok(
      'POST',
      '/api/v1/namespaces/fleet/pods',
      benchPod(`sim-${number}-${index % podsPerBoard}`, { nodeName: `sim-${number}` }),
    );
  });
  await allRunning(api, 'fleet', size * podsPerBoard);
  await pause(settleMs);
  const podsKb = statusKb(hub.pid, 'VmRSS');
  const pods = joined * podsPerBoard;
  const name = `${size} boards with ${podsPerBoard} pods each`;
  report({ ...of, id: 'P7', name: `hub VmRSS, ${name}`, value: podsKb / mb, unit: 'MB', aim: 2000 });
  report({ ...of, id: 'P7', name: `  above an empty hub, per board with its pods`, value: (podsKb - empty.rssKb) / size, unit: 'kB' });
  if (joined >= 100)
    report({
      ...of,
      id: 'P7',
      name: `  per pod, of the last ${pods} (both as they grew)`,
      value: (podsKb - boardsKb) / pods,
      unit: 'kB',
      aim: 10,
    });

  const wire = await carriedBytes(hub.mqttPort);
  const writes = { bytes: writtenBytes(hub.pid), revision: await revisionOf(api) };
  const cpu = await idleCpu(world);
  const after = await carriedBytes(hub.mqttPort);
  const hours = idleMs / 3_600_000;
  const bare = (3600 / keepAliveSeconds) * bareHeartbeatBytes;
  report({ ...of, id: 'P7', name: `hub CPU when idle, ${name}`, value: cpu * 100, unit: '% of a core' });
  // A hundredth of a second is the least that can be told of a process.
  if (size >= 200)
    report({
      ...of,
      id: 'P12',
      name: `hub CPU per heartbeat, ${size} boards`,
      value: ((cpu - empty.cpu) / (size / keepAliveSeconds)) * 1e6,
      unit: 'µs',
      aim: 30,
    });
  const perHour = (after.bytes - wire.bytes) / after.connections / hours;
  report({
    ...of,
    id: 'P10',
    name: `idle bytes per board-hour, ${size} boards`,
    value: perHour,
    unit: 'B',
    baseline: bare,
    ratio: perHour / bare,
    aim: 1.1,
  });
  const written = (await revisionOf(api)) - writes.revision;
  report({ ...of, id: 'P11', name: `hub's writes when idle, ${size} boards`, value: written / (idleMs / 1000), unit: '/s', aim: 0.2 });
  const bytes = writtenBytes(hub.pid) - writes.bytes;
  report({ ...of, id: 'P11', name: `  bytes on its disk, ${size} boards`, value: bytes / (idleMs / 1000), unit: 'B/s' });

  const times = await startTimes(api);
  const p50 = median(times);
  const flat = least === undefined ? {} : { baseline: least, ratio: p50 / least, aim: 1.3 };
  report({ ...of, id: 'P4', name: `apply → Running, fake runtime, ${name}, p50 of ${startRounds}`, value: p50, unit: 'ms', ...flat });
  return p50;
}

/** P5, to half of the boards; what a pod's delivery and report are on the wire is in it. */
async function measureRollout({ api, fleet, hub, report }: World): Promise<void> {
  const replicas = Math.max(1, Math.floor(fleet.boards / 2));
  const wire = await carriedBytes(hub.mqttPort);
  const beganCpu = cpuSeconds(hub.pid);
  const watch = await runningOf(api, 'rollout');
  const beganMs = performance.now();
  await api.ok('POST', '/apis/apps/v1/namespaces/rollout/deployments', benchDeployment('rollout', replicas));
  await until('all replicas run', () => watch.running.size === replicas, waitMs);
  const seconds = (performance.now() - beganMs) / 1000;
  watch.stop();
  const cpu = ((cpuSeconds(hub.pid) - beganCpu) / replicas) * 1e3;
  const of = { suite: 'link', id: 'P5' } as const;
  const name = `Deployment of ${replicas} on ${fleet.boards} boards`;
  report({ ...of, name: `${name}: until every status is in`, value: replicas / seconds, unit: 'pods/s', aim: 1000, better: 'higher' });
  report({ ...of, name: `${name}: hub CPU per pod`, value: cpu, unit: 'ms', aim: 1, better: 'lower' });
  const bytes = ((await carriedBytes(hub.mqttPort)).bytes - wire.bytes) / replicas;
  report({ ...of, id: 'P10', name: 'one pod delivered and reported, TLS included', value: bytes, unit: 'B', better: 'lower' });
}

/** P6: the hub is killed and started anew. */
async function measureComeback(world: World): Promise<void> {
  const { fleet, hub, report } = world;
  const of = { suite: 'link', id: 'P6', better: 'lower' } as const;
  const steadyKb = statusKb(hub.pid, 'VmRSS');
  world.api.close();
  const beganMs = performance.now();
  const readyMs = await hub.restart();
  world.api = new BenchApi(hub.kubeconfig, { sockets: 64 });
  const { api } = world;
  const lateMs: number[] = [];
  let watching = true;
  const asking = (async (): Promise<void> => {
    while (watching) {
      const askedMs = performance.now();
      await api.ok('GET', '/api/v1/nodes/sim-0');
      lateMs.push(performance.now() - askedMs);
      await pause(50);
    }
  })();
  // They tell every second; before the first notices, all seem connected.
  await pause(2_000);
  await fleet.allConnected();
  const seconds = (performance.now() - beganMs) / 1000;
  watching = false;
  await asking;
  report({ ...of, name: `all of ${fleet.boards} boards connected after SIGKILL of the hub`, value: seconds, unit: 's', aim: 60 });
  report({ ...of, name: '  of it until the hub is ready', value: readyMs / 1000, unit: 's' });
  report({ ...of, name: '  GET meanwhile, p99', value: percentile(lateMs, 0.99), unit: 'ms', aim: 1000 });
  const peakKb = statusKb(hub.pid, 'VmHWM');
  report({
    ...of,
    name: "  peak of the new hub's VmRSS",
    value: peakKb / mb,
    unit: 'MB',
    baseline: steadyKb / mb,
    ratio: peakKb / steadyKb,
    aim: 1.5,
  });
  await pause(settleMs);
  const { bytes, connections } = await carriedBytes(hub.mqttPort);
  report({
    ...of,
    id: 'P10',
    name: 'reconnect unchanged, TLS and reports included, per board',
    value: bytes / connections,
    unit: 'B',
    aim: 6000,
  });
  const nodes = JSON.parse(await api.ok('GET', '/api/v1/nodes')) as {
    items: { status?: { conditions?: { type: string; status: string }[] } }[];
  };
  const away = nodes.items.filter(
    ({ status }) => !status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  ).length;
  report({ ...of, name: '  boards that the hub takes for not Ready', value: away, unit: 'boards', aim: 0 });
  report({
    ...of,
    id: 'P7',
    name: `hub VmRSS, started anew, ${fleet.boards} boards`,
    value: statusKb(hub.pid, 'VmRSS') / mb,
    unit: 'MB',
    aim: 2000,
  });
}

async function startTimes(api: BenchApi): Promise<number[]> {
  const times: number[] = [];
  const watch = await runningOf(api, 'start');
  for (let round = 0; round <= startRounds; round++) {
    const name = `start-${round}`;
    const beganMs = performance.now();
    await api.ok('POST', '/api/v1/namespaces/start/pods', benchPod(name));
    await watch.runs(name);
    // The first fills caches.
    if (round > 0) times.push(performance.now() - beganMs);
    await api.ok('DELETE', `/api/v1/namespaces/start/pods/${name}`);
  }
  watch.stop();
  return times;
}

async function allRunning(api: BenchApi, namespace: string, count: number): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods?limit=1&fieldSelector=status.phase%21%3DRunning`;
  await until(
    `${count} pods run`,
    async () => {
      await pause(1_000);
      return (JSON.parse(await api.ok('GET', path)) as { items: unknown[] }).items.length === 0;
    },
    waitMs,
  );
}

/** Share of a core that the hub uses while nothing happens. */
async function idleCpu({ hub }: World): Promise<number> {
  const beganCpu = cpuSeconds(hub.pid);
  await pause(idleMs);
  return (cpuSeconds(hub.pid) - beganCpu) / (idleMs / 1000);
}

async function namespaces(api: BenchApi, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await api.ok('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    const account = `/api/v1/namespaces/${name}/serviceaccounts/default`;
    await until('there is a service account', async () => (await api.call('GET', account)).status === 200);
  }
}

async function revisionOf(api: BenchApi): Promise<number> {
  const { metadata } = JSON.parse(await api.ok('GET', '/api/v1/namespaces?limit=1')) as { metadata: { resourceVersion: string } };
  return Number(metadata.resourceVersion);
}

async function post(count: number, one: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: 64 }, worker));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
