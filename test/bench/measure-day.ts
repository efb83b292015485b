import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Program } from '../harness/program.ts';
import { until } from '../harness/until.ts';
import { BenchApi } from './bench-api.ts';
import { BenchHub } from './bench-hub.ts';
import type { Report } from './figure.ts';
import { benchPod } from './manifests.ts';
import { carriedBytes, cutConnections } from './process-cost.ts';
import { runningOf } from './running-pods.ts';

const pods = 10;
/** Measured, and scaled to the day's. */
const cuts = 5;
const day = { reconnects: 100, deploys: 1, statusChanges: 20 };
const settleMs = 4_000;
const idleMs = 40_000;
const node = 'vehicle-0';

/**
 * P10, a vehicle's day: one board with ten pods loses its line again and again, gets one more pod, and tells of changes. What TCP carried, TLS
 * included and TCP's headers not. Each part is measured alone and counted as often as a day has it.
 */
export async function measureDay(report: Report, bundles: { readonly hub: string; readonly agent: string }): Promise<void> {
  const hub = await BenchHub.start(bundles.hub, ['--log-level', 'warn']);
  const api = new BenchApi(hub.kubeconfig);
  let board: Program | undefined;
  try {
    await until(
      'the service account',
      async () => (await api.call('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200,
    );
    const args = ['simulate', '--hub', `https://127.0.0.1:${hub.port}`, '--prefix', 'vehicle', '--boards', '1'];
    const env = { ...process.env, FLOTILLA_JOIN_TOKEN: await hub.token(1) };
    const command = [join(bundles.agent, 'cmd/flotilla-agent.js'), ...args];
    board = new Program('simulate', spawn(process.execPath, command, { stdio: 'pipe', env }));
    await until('the vehicle is connected', async () => (await carriedBytes(hub.mqttPort)).connections === 1);
    const start = async (name: string, env?: Record<string, string>): Promise<void> => {
      const watch = await runningOf(api, 'default');
      await api.ok('POST', '/api/v1/namespaces/default/pods', onVehicle(name, env));
      await watch.runs(name);
      watch.stop();
    };
    for (let index = 0; index < pods; index++) await start(`app-${index}`);
    await pause(settleMs);

    const reconnect = await measureReconnects(hub.mqttPort);
    const between = async (work: () => Promise<void>): Promise<number> => {
      const before = (await carriedBytes(hub.mqttPort)).bytes;
      await work();
      await pause(settleMs);
      return (await carriedBytes(hub.mqttPort)).bytes - before;
    };
    const deploy = await between(() => start('deployed'));
    // Starting and ending is two changes of a pod's status; that the pod comes along is more than the day has.
    const change = (await between(() => start('short', { FAKE_EXIT_AFTER_MS: '500', FAKE_EXIT_CODE: '0' }))) / 2;
    const idle = (await between(() => pause(idleMs - settleMs))) * (86_400_000 / idleMs);

    const of = { suite: 'link', id: 'P10', unit: 'B', better: 'lower' } as const;
    report({ ...of, name: `a line that was lost and comes back, ${pods} pods unchanged, TLS resumed`, value: reconnect, aim: 2000 });
    report({ ...of, name: 'a pod deployed and reported', value: deploy });
    report({ ...of, name: 'a status change, at most', value: change });
    report({ ...of, name: 'a day of heartbeats', value: idle });
    const sum = day.reconnects * reconnect + day.deploys * deploy + day.statusChanges * change;
    const name = `a vehicle's day: ${day.reconnects} reconnects, ${day.deploys} deploy, ${day.statusChanges} status changes`;
    report({ ...of, name: `${name}, without heartbeats`, value: sum });
    report({ ...of, name: `${name}, all told`, value: sum + idle, aim: 500_000 });
  } catch (error) {
    process.stderr.write(`${hub.tail()}${board?.tail() ?? ''}`);
    throw error;
  } finally {
    api.close();
    await board?.end('SIGKILL');
    await hub.close();
  }
}

/** Bytes of a connection from its first to its report. */
async function measureReconnects(port: number): Promise<number> {
  let bytes = 0;
  await cutConnections(port);
  for (let round = 0; round < cuts; round++) {
    await until('the vehicle is back', async () => (await carriedBytes(port)).connections === 1);
    await pause(settleMs / 2);
    bytes += (await cutConnections(port)).bytes;
  }
  await until('the vehicle is back', async () => (await carriedBytes(port)).connections === 1);
  await pause(settleMs);
  return bytes / cuts;
}

function onVehicle(name: string, env: Record<string, string> = {}): Record<string, unknown> {
  const pod = benchPod(name, { nodeName: node, restartPolicy: 'Never' }) as { spec: { containers: Record<string, unknown>[] } };
  const variables = Object.entries(env).map(([key, value]) => ({ name: key, value }));
  return { ...pod, spec: { ...pod.spec, containers: pod.spec.containers.map((container) => ({ ...container, env: variables })) } };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
