import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Board } from '../harness/board.ts';
import { demoImages } from '../harness/images.ts';
import { Program } from '../harness/program.ts';
import { until } from '../harness/until.ts';
import { measureAgent } from './agent-size.ts';
import { BenchApi } from './bench-api.ts';
import { BenchHub } from './bench-hub.ts';
import { bundle } from './bundle.ts';
import type { Report } from './figure.ts';
import { measureHub } from './hub-size.ts';
import { measurePodStart } from './pod-start.ts';

/** How images are to start the agent. */
const agentNodeFlags = ['--max-semi-space-size=1', '--max-old-space-size=64'];
const parts = ['pods', 'agent', 'hub'] as const;

/** What an apply costs, on a hub and a board of its own: P4 (`pods`), P8 and P14 (`agent`), P7 and P14 (`hub`). */
export async function run(report: Report, { only }: { readonly only?: string | undefined } = {}): Promise<void> {
  const wanted = parts.filter((part) => only === undefined || part === only);
  if (wanted.length === 0) throw new Error(`there is no part ${only}; there are ${parts.join(', ')}`);
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-bench-'));
  try {
    await bundle('hub', join(dir, 'hub'));
    await bundle('agent', join(dir, 'agent'));
    if (wanted.some((part) => part !== 'hub')) await measureApply(dir, wanted, report);
    if (wanted.includes('hub')) await measureHub(join(dir, 'hub'), report);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function measureApply(dir: string, wanted: readonly (typeof parts)[number][], report: Report): Promise<void> {
  // A subnet of its own: a hub that runs on this machine, or its tests, may have the usual one.
  const hub = await BenchHub.start(join(dir, 'hub'), ['--pod-cidr', `100.${randomInt(65, 128)}.${randomInt(256)}.0/24`]);
  let board: Board | undefined;
  try {
    const url = `https://127.0.0.1:${hub.port}`;
    const token = await hub.token();
    const made = await Board.make({ name: 'bench', hub: url, token });
    board = made;
    await demoImages(made.place);
    const start = (): Program => {
      const args = ['--hub', url, '--data-dir', made.dataDir, '--node-name', made.name, '--podman-storage', made.place.dir];
      const env: NodeJS.ProcessEnv = { ...made.place.env, FLOTILLA_JOIN_TOKEN: token };
      const command = [...agentNodeFlags, join(dir, 'agent/cmd/flotilla-agent.js'), ...args];
      made.agent = new Program('agent', spawn(process.execPath, command, { stdio: 'pipe', env }));
      return made.agent;
    };
    start();
    const api = new BenchApi(hub.kubeconfig);
    await until('the node is Ready', async () => {
      const { text } = await api.call('GET', `/api/v1/nodes/${made.name}`);
      const { status, spec } = JSON.parse(text) as {
        status?: { conditions?: { type: string; status: string }[] };
        spec?: { taints?: unknown };
      };
      return status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') && !spec?.taints;
    });
    if (wanted.includes('pods')) await measurePodStart(api, made, report);
    if (wanted.includes('agent')) await measureAgent({ api, board: made, start, report });
    api.close();
  } catch (error) {
    process.stderr.write(`${hub.tail()}${board?.agent?.tail() ?? ''}`);
    throw error;
  } finally {
    await board?.close();
    await hub.close();
  }
}
