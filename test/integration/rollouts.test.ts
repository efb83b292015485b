import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Deployment, ReplicaSet } from '@flotilla/shared/api/generated/types.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findKubectls, Kubectl } from '../harness/kubectl.ts';
import { Program } from '../harness/program.ts';
import { Stack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const agent = resolve(import.meta.dirname, '../../agent/src/cmd/flotilla-agent.ts');
const { oldest, newest } = findKubectls();
const kubectls = oldest === newest ? [newest] : [oldest, newest];

const stack = new Stack();
let boards: Program | undefined;
let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-rollouts-'));
  await stack.startHub();
  const env = { ...stack.env, FLOTILLA_JOIN_TOKEN: await stack.joinToken('--uses', '3') };
  const args = ['simulate', '--boards', '2', '--prefix', 'sim', '--secret-file', join(dir, 'secret')];
  boards = Program.node('simulate', agent, [...args, '--hub', `https://127.0.0.1:${stack.ports.api}`], { env });
  await until('the boards have joined', async () => (await stack.kubectl.ok(['get', 'nodes', '-o', 'name'])).split('\n').length === 2);
  await stack.waitFor('condition=Ready', 'nodes', '--all');
});
afterAll(async () => {
  await boards?.end('SIGKILL');
  await stack.close();
  if (dir) await rm(dir, { recursive: true, force: true });
});

describe.each(kubectls)('%s', (command) => {
  const name = `web-${kubectls.indexOf(command)}`;
  const target = `deployment/${name}`;
  let kubectl: Kubectl;
  beforeAll(() => {
    kubectl = new Kubectl(command, stack.kubeconfig);
  });
  afterAll(() => kubectl.close());

  const rollout = (...args: string[]): Promise<string> => kubectl.ok(['rollout', ...args]);
  const complete = async (): Promise<void> => {
    expect(await rollout('status', target, '--timeout=120s')).toContain(`deployment "${name}" successfully rolled out`);
  };
  const image = (tag: number): Promise<string> => kubectl.ok(['set', 'image', target, `main=localhost/web:${tag}`]);
  const deployment = (): Promise<Deployment> => stack.get<Deployment>('deployment', name);
  const now = async (): Promise<string> => {
    const { metadata, spec } = await deployment();
    return `${metadata?.annotations?.['deployment.kubernetes.io/revision']}: ${spec?.template.spec?.containers[0]?.image}`;
  };
  const sets = async (): Promise<readonly ReplicaSet[]> =>
    (await stack.get<{ items: ReplicaSet[] }>('replicasets', '-l', `app=${name}`)).items;

  test('rolls out, shows the history of it, and goes back', async () => {
    const template = {
      metadata: { labels: { app: name } },
      spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'localhost/web:1' }] },
    };
    const spec = { replicas: 3, selector: { matchLabels: { app: name } }, template };
    const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec };
    await kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(object) });
    await complete();
    await image(2);
    await complete();
    const history = await rollout('history', target);
    expect(history.split('\n').map((line) => line.split(/\s+/)[0])).toEqual([`deployment.apps/${name}`, 'REVISION', '1', '2']);
    expect(await rollout('history', target, '--revision=1')).toMatch(/with revision #1[\s\S]*Image:\s+localhost\/web:1/);
    expect(await rollout('undo', target)).toContain(`deployment.apps/${name} rolled back`);
    await complete();
    expect(await now()).toBe('3: localhost/web:1');
    await rollout('undo', target, '--to-revision=2');
    await complete();
    expect(await now()).toBe('4: localhost/web:2');
    expect(await kubectl.fails(['rollout', 'undo', target, '--to-revision=77'])).toContain(
      'unable to find specified revision 77 in history',
    );
    expect(await sets()).toHaveLength(2);
  });

  test('pauses, changes nothing meanwhile, and resumes', async () => {
    expect(await rollout('pause', target)).toBe(`deployment.apps/${name} paused`);
    expect(await kubectl.fails(['rollout', 'pause', target])).toContain('is already paused');
    expect(await kubectl.fails(['rollout', 'undo', target])).toMatch(/you cannot rollback a paused deployment/);
    expect(await kubectl.fails(['rollout', 'restart', target])).toContain("can't restart paused deployment (run rollout resume first)");
    await image(3);
    // Scaling is no rollout: it goes on.
    await kubectl.ok(['scale', target, '--replicas=2']);
    await until('it has two', async () => (await deployment()).status?.availableReplicas === 2);
    expect(await sets()).toHaveLength(2);
    expect(await rollout('resume', target)).toBe(`deployment.apps/${name} resumed`);
    expect(await kubectl.fails(['rollout', 'resume', target])).toContain('is not paused');
    await complete();
    expect(await now()).toBe('5: localhost/web:3');
  });

  test('restarts every pod of it', async () => {
    const uids = async (): Promise<string[]> =>
      (await stack.get<{ items: { metadata: { uid: string } }[] }>('pods', '-l', `app=${name}`)).items.map(({ metadata }) => metadata.uid);
    const before = await uids();
    expect(await rollout('restart', target)).toContain(`deployment.apps/${name} restarted`);
    await complete();
    await until('the old ones are gone', async () => (await uids()).every((uid) => !before.includes(uid)));
    expect((await deployment()).spec?.template.metadata?.annotations).toHaveProperty(['kubectl.kubernetes.io/restartedAt']);
  });

  test('says when a rollout comes to nothing', async () => {
    const nowhere = { spec: { progressDeadlineSeconds: 1, template: { spec: { nodeSelector: { nowhere: 'at-all' } } } } };
    await kubectl.ok(['patch', target, '-p', JSON.stringify(nowhere)]);
    expect(await kubectl.fails(['rollout', 'status', target, '--timeout=120s'])).toContain(
      `deployment "${name}" exceeded its progress deadline`,
    );
    await rollout('undo', target);
    await complete();
  });
});
