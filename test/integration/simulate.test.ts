import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { BenchApi } from '../bench/bench-api.ts';
import { Program } from '../harness/program.ts';
import { Stack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const agent = resolve(import.meta.dirname, '../../agent/src/cmd/flotilla-agent.ts');
const boards = 20;

interface Listed {
  readonly items: readonly {
    readonly spec: { nodeName?: string };
    readonly status?: { phase?: string; conditions?: { type: string; status: string }[] };
  }[];
}

test('simulated boards join, run pods, and end together at a signal; the same secret makes them the same boards', async () => {
  const stack = new Stack();
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-simulate-'));
  const programs: Program[] = [];
  onTestFinished(async () => {
    for (const program of programs) await program.end('SIGKILL');
    await stack.close();
    await rm(dir, { recursive: true, force: true });
  });
  await stack.startHub();
  // A token that is used up lets in nobody, not even a board that joined with it.
  const token = await stack.joinToken('--uses', String(boards + 1));
  const api = new BenchApi(stack.kubeconfig);
  onTestFinished(() => api.close());
  const list = async (path: string): Promise<Listed['items']> => (JSON.parse(await api.ok('GET', path)) as Listed).items;
  const ready = async (): Promise<number> =>
    (await list('/api/v1/nodes')).filter(({ status }) => status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'))
      .length;
  const simulate = (...more: string[]): Program => {
    const args = [
      'simulate',
      '--boards',
      String(boards),
      '--prefix',
      'sim',
      '--keep-alive',
      '4',
      '--secret-file',
      join(dir, 'secret'),
      ...more,
    ];
    const env: NodeJS.ProcessEnv = { ...stack.env, FLOTILLA_JOIN_TOKEN: token };
    const program = Program.node('simulate', agent, [...args, '--hub', `https://127.0.0.1:${stack.ports.api}`], { env });
    programs.push(program);
    return program;
  };

  const first = simulate('--processes', '2', '--behaviour', 'slow=10%,skewed-clock=10%');
  await until('all boards are ready', async () => (await ready()) === boards);
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'localhost/web:1' }] } };
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } };
  const spec = { replicas: boards, selector: { matchLabels: { app: 'web' } }, template };
  await api.ok('POST', '/apis/apps/v1/namespaces/default/deployments', { ...deployment, spec });
  const running = async (): Promise<Listed['items']> =>
    (await list('/api/v1/namespaces/default/pods')).filter(({ status }) => status?.phase === 'Running');
  await until('all pods run', async () => (await running()).length === boards);
  const places = new Set((await running()).map(({ spec: { nodeName } }) => nodeName));
  expect(places.size).toBeGreaterThan(boards / 2);

  const top = await until('flotilla top hub shows all boards', async () => {
    const { code, stdout, stderr } = await stack.flotilla('top', 'hub', '--over', '1s');
    if (code !== 0) throw new Error(stderr);
    return stdout.includes(`${boards} boards connected, ${boards} pods`) && stdout;
  });
  for (const part of ['API', 'watch', 'controllers', 'scheduler', 'link', 'store']) expect(top).toMatch(new RegExp(`^${part} +`, 'm'));

  first.signal('SIGTERM');
  expect(await first.ended, first.tail()).toBe(0);

  const again = simulate();
  await again.says(new RegExp(`^${boards} of ${boards} boards are connected$`, 'm'));
  expect(await list('/api/v1/nodes')).toHaveLength(boards);
  expect(await again.end('SIGINT'), again.tail()).toBe(0);
});
