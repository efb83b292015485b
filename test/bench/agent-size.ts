import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { podmanRunDir } from '@flotilla/agent/runtime/podman/podman-runtime.js';
import type { Board } from '../harness/board.ts';
import { Program } from '../harness/program.ts';
import { until } from '../harness/until.ts';
import type { BenchApi } from './bench-api.ts';
import { median, type Report } from './figure.ts';
import { benchDeployment } from './manifests.ts';
import { processesNaming, pssKb, statusKb } from './memory.ts';

export interface MeasureAgentOptions {
  readonly api: BenchApi;
  readonly board: Board;
  readonly start: () => Program;
  readonly report: Report;
}

const pods = 10;
/** The goal says ten minutes; V8 has settled by then. */
const idleMs = 60_000;
const connectRounds = 5;
const mb = 1000;

/** P14's second half and P8: how soon an agent is connected, and what it and its helpers hold with ten pods. */
export async function measureAgent({ api, board, start, report }: MeasureAgentOptions): Promise<void> {
  const deployments = '/apis/apps/v1/namespaces/default/deployments';
  await api.ok('POST', deployments, benchDeployment('idle', pods));
  await until(`${pods} containers run`, async () => (await board.containers()).filter(({ state }) => state === 'running').length === pods);

  const of = { suite: 'apply', better: 'lower' } as const;
  for (const [signal, name] of [
    ['SIGTERM', `agent process → connected, ${pods} pods, podman's service started with it`],
    ['SIGKILL', `agent process → connected, ${pods} pods, podman's service still there`],
  ] as const) {
    const times: number[] = [];
    for (let round = 0; round < connectRounds; round++) {
      await board.stop(signal);
      times.push(await connectTime(start));
    }
    report({ ...of, id: 'P14', name, value: median(times), unit: 'ms', aim: 250 });
  }

  const bare = new Program('bare node', spawn(process.execPath, ['-e', 'setInterval(() => {}, 1 << 30)'], { stdio: 'pipe' }));
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const agent = board.agent?.pid ?? -1;
  const [rss, bareRss] = [statusKb(agent, 'VmRSS') / mb, statusKb(bare.pid, 'VmRSS') / mb];
  const idle = `${pods} pods, ${idleMs / 1000} s idle`;
  report({ ...of, id: 'P8', name: `agent VmRSS, ${idle}`, value: rss, unit: 'MB', baseline: bareRss, ratio: rss / bareRss, aim: 1.35 });
  const anon = (statusKb(agent, 'RssAnon') - statusKb(bare.pid, 'RssAnon')) / mb;
  report({ ...of, id: 'P8', name: `agent RssAnon above a bare node's, ${idle}`, value: anon, unit: 'MB', aim: 12 });
  await bare.end('SIGKILL');

  const socket = join(podmanRunDir(board.dataDir, board.place.env), 'podman.sock');
  const service = processesNaming(socket).reduce((sum, pid) => sum + pssKb(pid), 0) / mb;
  const conmons = processesNaming(board.place.dir, /conmon$/).reduce((sum, pid) => sum + pssKb(pid), 0) / mb;
  const own = pssKb(agent) / mb;
  report({
    ...of,
    id: 'P8',
    name: `board PSS: agent + podman service + conmon, ${idle}`,
    value: own + service + conmons,
    unit: 'MB',
    aim: 107,
  });
  report({ ...of, id: 'P8', name: '  of it the agent', value: own, unit: 'MB' });
  report({ ...of, id: 'P8', name: "  of it podman's service", value: service, unit: 'MB' });
  report({ ...of, id: 'P8', name: `  of it conmon, two for each of ${pods} pods`, value: conmons, unit: 'MB' });
}

/** Milliseconds from the start of the process until it says that it is connected. */
function connectTime(start: () => Program): Promise<number> {
  const beganMs = performance.now();
  const program = start();
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      if (program.stderr.includes('connected to the hub')) {
        clearInterval(timer);
        resolve(performance.now() - beganMs);
      } else if (!program.running) {
        clearInterval(timer);
        void program.ended.then((how) => reject(new Error(`the agent ended: ${how}\n${program.tail()}`)));
      }
    }, 1);
  });
}
