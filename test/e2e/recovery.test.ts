import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PodList } from '@flotilla/shared/api/generated/types.js';
import { expect, test } from 'vitest';
import { useStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';

const manifest = JSON.stringify({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'main',
            image: 'localhost/flotilla-demo:1',
            command: ['sh', '-c', 'exec sleep 10000'],
            envFrom: [{ secretRef: { name: 'word' } }],
          },
        ],
      },
    },
  },
});

const stack = useStack({ mqtt: 'none' }, async (made) => {
  await made.addBoard('ark');
  await made.kubectl.ok(['create', 'secret', 'generic', 'word', '--from-literal=PASS=open']);
  await made.kubectl.ok(['apply', '-f', '-'], { input: manifest });
  await made.waitFor('condition=Available', 'deployment/web');
});

const dataDir = (): string => join(stack.dir, 'hub');
const backup = (): string => join(stack.dir, 'day.backup');
const uids = async (): Promise<string[]> => {
  const { items } = await stack.get<PodList>('pods');
  return items.map(({ metadata }) => `${metadata?.name} ${metadata?.uid}`).sort();
};
const containers = async (): Promise<string[]> => {
  const all = (await stack.boards[0]?.containers()) ?? [];
  return all.map(({ id, state }) => `${id} ${state}`).sort();
};
const recovered = (): Promise<string> =>
  until('the recovery is over', async () => {
    const { stdout } = await stack.flotilla('recover');
    return stdout.startsWith('Recovery is over') && stdout;
  });

let before: { readonly uids: string[]; readonly containers: string[] };

test('a backup is one file with a checksum, for its owner alone, and has no key of the cluster in it', async () => {
  before = { uids: await uids(), containers: await containers() };
  expect(before.containers).toHaveLength(2);
  expect((await stack.flotilla('recover')).stdout).toBe('No recovery is under way, and there was none');
  const said = await stack.flotilla('backup', '--out', backup());
  expect(said).toMatchObject({ code: 0, stderr: '' });
  expect(said.stdout).toMatch(/^\S+day\.backup: all objects at revision \d+; the keys of the cluster are not in it/);
  expect(statSync(backup()).mode & 0o777).toBe(0o600);
  const bytes = readFileSync(backup(), 'latin1');
  expect(bytes.startsWith('{"format":"flotilla-backup/1","cluster":"sha256:')).toBe(true);
  for (const name of readdirSync(join(dataDir(), 'pki')).filter((file) => file.endsWith('.key'))) {
    const text = readFileSync(join(dataDir(), 'pki', name), 'latin1');
    const [, body = ''] = text.startsWith('-----') ? text.split('\n') : ['', text];
    expect(body.length).toBeGreaterThan(20);
    expect(bytes.includes(body)).toBe(false);
  }
  expect(readdirSync(dataDir()).filter((file) => file.startsWith('.backup-'))).toEqual([]);
});

test('the hub loses its store and takes back from the board what it runs, as it runs', async () => {
  await stack.hub.end('SIGKILL');
  for (const file of readdirSync(dataDir()).filter((name) => name.startsWith('hub.db'))) rmSync(join(dataDir(), file));
  await stack.startHub();
  const said = await recovered();
  expect(said).toMatch(/Boards heard: 1\nBoards that were missing: 0\n/);
  expect(said).toMatch(/\n {2}secrets\/default\/word \(board ark\)\n/);
  expect(said).toMatch(/Deployment default\/web is lost \(2 pods of ReplicaSet web-\w+ run on, not owned\): apply it again/);
  await stack.kubectl.ok(['apply', '-f', '-'], { input: manifest });
  await stack.waitFor('condition=Available', 'deployment/web');
  expect({ uids: await uids(), containers: await containers() }).toEqual(before);
  expect((await stack.flotilla('recover', '--finish')).stderr).toMatch(/no recovery is under way/);
});

test('a restore refuses a running hub, a damaged file and a newer store, and then the hub goes on', async () => {
  const running = await stack.flotilla('restore', backup(), '--data-dir', dataDir());
  expect(running).toMatchObject({ code: 1, stderr: expect.stringMatching(/in use by another hub/) });
  await stack.hub.end('SIGTERM');
  const broken = join(stack.dir, 'broken.backup');
  const bytes = readFileSync(backup());
  bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
  writeFileSync(broken, bytes);
  expect((await stack.flotilla('restore', broken, '--data-dir', dataDir())).stderr).toMatch(/damaged: its checksum/);
  writeFileSync(broken, bytes.subarray(0, 9000));
  expect((await stack.flotilla('restore', broken, '--data-dir', dataDir())).stderr).toMatch(/not complete/);
  expect((await stack.flotilla('restore', backup(), '--data-dir', dataDir())).stderr).toMatch(/newer than the backup .*--force/);
  const restored = await stack.flotilla('restore', backup(), '--data-dir', dataDir(), '--force');
  expect(restored.stdout).toMatch(/restored as of .*\nwhat was there is now \S+hub\.db\.before-restore-1\n/);
  await stack.startHub();
  await recovered();
  await stack.waitFor('condition=Available', 'deployment/web');
  expect({ uids: await uids(), containers: await containers() }).toEqual(before);
});
