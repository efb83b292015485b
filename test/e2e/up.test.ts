import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { removeRunDirs } from '../harness/board.ts';
import { demoImages } from '../harness/images.ts';
import { findKubectls, Kubectl } from '../harness/kubectl.ts';
import { type PodmanPlace, podmanPlace } from '../harness/podman.ts';
import type { Program } from '../harness/program.ts';
import { until } from '../harness/until.ts';
import { startUp } from '../harness/up.ts';

const typedIn = mkdtempSync(join(tmpdir(), 'flotilla-up-'));
const dataDir = join(typedIn, 'state');
let place: PodmanPlace;
let kubectl: Kubectl;
let up: Program;

beforeAll(async () => {
  place = await podmanPlace();
  await demoImages(place);
  kubectl = new Kubectl(findKubectls().newest, join(dataDir, 'admin.kubeconfig'));
});
afterAll(async () => {
  await up?.end('SIGTERM');
  kubectl?.close();
  await place?.close();
  await removeRunDirs(join(dataDir, 'agent'));
  rmSync(typedIn, { recursive: true, force: true });
});

const ids = (): Promise<string> =>
  place.podman('ps', '--all', '--no-trunc', '--format', '{{.ID}} {{.Status}}', '--sort', 'id').then(withoutAge);
const withoutAge = (text: string): string => text.replaceAll(/ Up .*$/gm, ' Up');

test('it says where the API and the kubeconfig are, and that it is ready', async () => {
  up = await startUp({ place, typedIn, dataDir: 'state' });
  const lines = up.stdout.trim().split('\n');
  expect(lines[0]).toMatch(/^API: +https:\/\/127\.0\.0\.1:\d+$/);
  expect(lines[1]).toBe(`kubeconfig: ${join(dataDir, 'admin.kubeconfig')}`);
  expect(lines[2]).toBe('Flotilla is ready');
  expect(await kubectl.ok(['get', 'nodes'])).toMatch(/ Ready +<none> /);
});

test('SIGTERM stops hub and agent with 0 while containers run on', async () => {
  await kubectl.ok(['create', 'deployment', 'web', '--image=localhost/flotilla-demo:1', '--replicas=2']);
  await kubectl.ok(['rollout', 'status', 'deployment/web', '--timeout=120s']);
  const before = await ids();
  expect(before.match(/ Up$/gm)?.length).toBeGreaterThanOrEqual(2);
  expect(await up.end('SIGTERM')).toBe(0);
  expect(await ids()).toBe(before);
});

test('a second start adopts them, and SIGINT stops it as well', async () => {
  const before = await ids();
  up = await startUp({ place, typedIn, dataDir: 'state' });
  await kubectl.ok(['wait', '--for=condition=Ready', 'pods', '--all', '--timeout=120s']);
  expect(await kubectl.ok(['get', 'pods', '-o', 'jsonpath={.items[*].status.containerStatuses[*].restartCount}'])).toBe('0 0');
  expect(await ids()).toBe(before);
  await kubectl.ok(['delete', 'deployment', 'web', '--cascade=foreground', '--timeout=120s']);
  expect(await up.end('SIGINT')).toBe(0);
  expect(await ids()).toBe('');
});

test('the agent ends with it even when it is killed', async () => {
  up = await startUp({ place, typedIn, dataDir: 'state' });
  const isAgent = (pid: string): boolean => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return words.some((word) => word.endsWith('/flotilla-agent.ts')) && words.includes(join(dataDir, 'agent'));
    } catch {
      return false;
    }
  };
  const agents = (): string[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isAgent(name));
  expect(agents()).toHaveLength(1);
  await up.end('SIGKILL');
  await until('the agent is gone', () => agents().length === 0);
});
