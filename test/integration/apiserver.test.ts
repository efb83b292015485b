import { once } from 'node:events';
import { definitions } from '@flotilla/hub/registry/definitions.js';
import type { NodeConnector } from '@flotilla/hub/registry/generic/types.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiHub, startApiHub } from '../harness/api-hub.ts';
import { findKubectls, Kubectl, type RunOptions } from '../harness/kubectl.ts';
import { Program } from '../harness/program.ts';

const found = findKubectls();
let hub: ApiHub;

/** A board whose containers say what was asked of them, and go on saying it while they are followed. */
const asked: LogOptions[] = [];
const nodeConnector: NodeConnector = {
  open: () => {
    throw new Error('nothing can be opened on this board');
  },
  async *logs(node, pod, options, signal) {
    asked.push(options);
    yield Buffer.from(`${pod.namespace}/${pod.name}/${options.container} on ${node}\n`);
    if (!options.follow) return;
    for (let line = 1; line <= 3 && !signal.aborted; line++) yield Buffer.from(`line ${line}\n`);
  },
  awaySinceMs: (node) => (node === 'pi-away' ? awaySinceMs : undefined),
  async keptLog(_node, containerId, options) {
    asked.push(options);
    return containerId === 'podman://kept' ? { text: Buffer.from('the last words\n'), sentMs: awaySinceMs - 60_000 } : undefined;
  },
};
const awaySinceMs = Date.UTC(2026, 0, 1, 12);

beforeAll(async () => {
  hub = await startApiHub({ definitions, nodeConnector });
});
afterAll(() => hub.close());

const manifest = (name: string, data: Record<string, unknown>, more: object = {}): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data, ...more });

describe.each(Object.entries(found))('the %s kubectl', (age, command) => {
  let kubectl: Kubectl;
  const namespace = `with-${age}`;
  const inNamespace = ['--namespace', namespace];

  beforeAll(async () => {
    kubectl = new Kubectl(command, hub.kubeconfig);
    expect(await kubectl.ok(['create', 'namespace', namespace])).toBe(`namespace/${namespace} created`);
  });
  afterAll(() => kubectl.close());

  test('discovers what is served', async () => {
    const version = JSON.parse(await kubectl.ok(['version', '--output=json']));
    expect(version.serverVersion).toMatchObject({
      major: '1',
      minor: '34',
      gitVersion: expect.stringMatching(/^v1\.34\.\d+\+flotilla\.\d+$/),
    });
    const resources = await kubectl.ok(['api-resources', '--no-headers']);
    expect(resources).toMatch(/^configmaps +cm +v1 +true +ConfigMap$/m);
    expect(resources).toMatch(/^namespaces +ns +v1 +false +Namespace$/m);
    expect((await kubectl.ok(['api-versions'])).split('\n')).toEqual([
      'apps/v1',
      'authentication.k8s.io/v1',
      'authorization.k8s.io/v1',
      'coordination.k8s.io/v1',
      'discovery.k8s.io/v1',
      'events.k8s.io/v1',
      'fleet.flotilla.dev/v1alpha1',
      'rbac.authorization.k8s.io/v1',
      'v1',
    ]);
    expect(await kubectl.ok(['explain', 'configmap.data'])).toContain('Data contains the configuration data.');
  });

  test('creates, gets and deletes', async () => {
    await kubectl.ok(['create', 'configmap', 'a', '--from-literal=x=1', '--from-literal=empty=', ...inNamespace]);
    const object = JSON.parse(await kubectl.ok(['get', 'cm', 'a', '-o', 'json', ...inNamespace]));
    expect(object).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { x: '1', empty: '' }, metadata: { name: 'a', namespace } });
    expect(await kubectl.ok(['get', 'cm', 'a', '-o', 'yaml', ...inNamespace])).toContain('\n  x: "1"\n');
    expect(await kubectl.ok(['get', 'cm', '-o', 'wide', ...inNamespace])).toMatch(/^NAME +DATA +AGE\na +2 +\d+s$/);
    expect(await kubectl.ok(['get', 'cm', '-A'])).toMatch(new RegExp(`^${namespace} +a +2 `, 'm'));
    expect(await kubectl.fails(['create', 'configmap', 'a', ...inNamespace])).toContain('configmaps "a" already exists');
    expect(await kubectl.ok(['delete', 'cm', 'a', ...inNamespace])).toContain('configmap "a" deleted');
    expect(await kubectl.fails(['get', 'cm', 'a', ...inNamespace])).toBe('Error from server (NotFound): configmaps "a" not found');
    expect(await kubectl.fails(['get', 'nothing'])).toBe(`error: the server doesn't have a resource type "nothing"`);
  });

  test('applies, sees that nothing changed, and prunes what left the manifest', async () => {
    const apply = (data: Record<string, unknown>) => kubectl.ok(['apply', '-f', '-', ...inNamespace], { input: manifest('b', data) });
    expect(await apply({ k: '1', gone: '1' })).toBe('configmap/b created');
    expect(await apply({ k: '1', gone: '1' })).toBe('configmap/b unchanged');
    const diff = await kubectl.run(['diff', '-f', '-', ...inNamespace], { input: manifest('b', { k: '2' }) });
    expect(diff).toMatchObject({ code: 1, stdout: expect.stringMatching(/^-.*gone: "1"$/m) });
    expect(await apply({ k: '2' })).toBe('configmap/b configured');
    expect(await kubectl.ok(['get', 'cm', 'b', '-o', 'jsonpath={.data}', ...inNamespace])).toBe('{"k":"2"}');
  });

  test('applies on the server: owners, conflicts, taking over', async () => {
    const apply = (data: Record<string, unknown>, ...args: string[]) =>
      kubectl.run(['apply', '--server-side', '-f', '-', ...args, ...inNamespace], { input: manifest('owned', data) });
    const data = async () => JSON.parse(await kubectl.ok(['get', 'cm', 'owned', '-o', 'jsonpath={.data}', ...inNamespace]));
    expect((await apply({ k: '1', gone: '1' })).stdout).toBe('configmap/owned serverside-applied\n');
    const version = () => kubectl.ok(['get', 'cm', 'owned', '-o', 'jsonpath={.metadata.resourceVersion}', ...inNamespace]);
    const before = await version();
    expect(await apply({ k: '1', gone: '1' })).toMatchObject({ code: 0 });
    expect(await version()).toBe(before);
    await apply({ k: '1' });
    expect(await data()).toEqual({ k: '1' });
    const other = await apply({ k: '2' }, '--field-manager=other');
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Apply failed with 1 conflict: conflict with "kubectl": .data.k'),
    });
    expect(await apply({ k: '2' }, '--field-manager=other', '--force-conflicts')).toMatchObject({ code: 0 });
    expect(await data()).toEqual({ k: '2' });
    // Before 1.21 they are always shown.
    const show = (await kubectl.minor()) >= 21 ? ['--show-managed-fields'] : [];
    const owned = JSON.parse(await kubectl.ok(['get', 'cm', 'owned', '-o', 'json', ...show, ...inNamespace]));
    expect(owned.metadata.managedFields).toContainEqual(expect.objectContaining({ manager: 'other', operation: 'Apply' }));
  });

  test('labels, annotates, patches in three ways, edits and replaces', async () => {
    await kubectl.ok(['create', '-f', '-', ...inNamespace], { input: manifest('c', { k: '1' }) });
    const on = (...args: string[]) => kubectl.ok([...args, ...inNamespace]);
    const data = async () => JSON.parse(await on('get', 'cm', 'c', '-o', 'jsonpath={.data}'));
    await on('label', 'cm', 'c', 'tier=front');
    await on('annotate', 'cm', 'c', 'note=hello');
    expect(await on('get', 'cm', '-l', 'tier=front', '-o', 'name')).toBe('configmap/c');
    expect(await on('get', 'cm', '-l', 'tier!=front,tier', '-o', 'name')).toBe('');
    expect(await on('get', 'cm', '--field-selector=metadata.name=c', '-o', 'name')).toBe('configmap/c');
    await on('patch', 'cm', 'c', '-p', '{"data":{"strategic":"1"}}');
    await on('patch', 'cm', 'c', '--type=merge', '-p', '{"data":{"merge":"1","strategic":null}}');
    await on(
      'patch',
      'cm',
      'c',
      '--type=json',
      '-p',
      '[{"op":"test","path":"/data/merge","value":"1"},{"op":"add","path":"/data/json","value":"1"}]',
    );
    expect(await data()).toEqual({ k: '1', merge: '1', json: '1' });
    await kubectl.ok(['edit', 'cm', 'c', ...inNamespace], { env: { EDITOR: `sed -i 's/k: "1"/k: edited/'` } });
    expect(await data()).toMatchObject({ k: 'edited' });
    await kubectl.ok(['replace', '-f', '-', ...inNamespace], { input: manifest('c', { only: 'this' }) });
    expect(await data()).toEqual({ only: 'this' });
    expect(await kubectl.fails(['patch', 'cm', 'c', '-p', '{"metadata":{"resourceVersion":"1"}}', ...inNamespace])).toContain(
      'Operation cannot be fulfilled on configmaps "c": the object has been modified; please apply your changes to the latest version and try again',
    );
  });

  test('is refused what does not fit, in the words of Kubernetes', async () => {
    const create = (name: string, more: object, ...args: string[]) =>
      kubectl.run(['create', '-f', '-', ...args, ...inNamespace], { input: manifest(name, {}, more) });
    const late = await kubectl.leavesValidationToServer();
    const unknown = (await create('d', { dta: {} })).stderr;
    if (late) {
      expect(unknown).toContain('strict decoding error: unknown field "dta"');
    } else {
      expect(unknown).toContain('ValidationError(ConfigMap): unknown field "dta"');
      const raw = ['create', '--raw', `/api/v1/namespaces/${namespace}/configmaps?fieldValidation=Strict`, '-f', '-'];
      expect(await kubectl.fails(raw, { input: manifest('d', {}, { dta: {} }) })).toContain('strict decoding error: unknown field "dta"');
    }
    expect((await create('d', { data: { n: 1 } })).stderr).toContain(
      'json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    );
    expect((await create('Bad_Name', {})).stderr).toContain(
      'The ConfigMap "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of',
    );
    // What kubectl does not validate and says nothing about, the server warns of.
    const warned = await create('d', { dta: {} }, late ? '--validate=warn' : '--validate=false');
    expect(warned).toMatchObject({ code: 0, stderr: 'Warning: unknown field "dta"\n' });
  });

  test('a dry run changes nothing', async () => {
    expect(await kubectl.ok(['create', 'configmap', 'e', '--dry-run=server', ...inNamespace])).toBe('configmap/e created (server dry run)');
    expect(await kubectl.fails(['get', 'cm', 'e', ...inNamespace])).toContain('not found');
  });

  test('watches from the list on', async () => {
    const child = kubectl.start(['get', 'cm', '--watch', '-o', 'name', ...inNamespace]);
    const names: string[] = [];
    const seen = (name: string) => expect.poll(() => names.join('').split('\n'), { timeout: 60_000 }).toContain(`configmap/${name}`);
    child.stdout?.on('data', (data: Buffer) => names.push(data.toString()));
    await kubectl.ok(['create', 'configmap', 'watched', ...inNamespace]);
    await seen('watched');
    await kubectl.ok(['create', 'configmap', 'watched-too', ...inNamespace]);
    await seen('watched-too');
    child.kill();
    await once(child, 'close');
  });

  test('waits for a deletion, and deletes a whole collection', async () => {
    // Not every version takes it well when nothing is left to wait for: it watches before anything is deleted.
    const gone = new Program('wait', kubectl.start(['wait', '--for=delete', 'cm/watched', '--timeout=120s', '-v=6', ...inNamespace]));
    await gone.says(/[?&]watch=true/);
    await kubectl.ok(['delete', 'cm', '--all', ...inNamespace]);
    expect(await gone.ended).toBe(0);
    expect(gone.stdout).toBe('configmap/watched condition met\n');
    expect(await kubectl.ok(['get', 'cm', '-o', 'name', ...inNamespace])).toBe('');
  });

  test('asks about health, paths and itself', async () => {
    expect(await kubectl.ok(['get', '--raw', '/readyz?verbose'])).toBe('[+]ping ok\nreadyz check passed');
    expect(await kubectl.ok(['get', '--raw', '/livez/ping'])).toBe('ok');
    expect(JSON.parse(await kubectl.ok(['get', '--raw', '/'])).paths).toContain('/api/v1');
    expect(await kubectl.fails(['get', '--raw', '/nowhere'])).toContain('the server could not find the requested resource');
    expect(await kubectl.ok(['auth', 'can-i', 'create', 'configmaps', ...inNamespace])).toBe('yes');
    expect(await kubectl.ok(['get', '--raw', '/metrics'])).toContain(
      'apiserver_request_total{verb="LIST",group="",version="v1",resource="configmaps"',
    );
  });

  test('scales, sets, restarts and describes a Deployment', async () => {
    const on = (...args: string[]) => kubectl.ok([...args, ...inNamespace]);
    expect(await on('create', 'deployment', 'web', '--image=nginx:1', '--replicas=2')).toBe('deployment.apps/web created');
    expect(await on('scale', 'deployment/web', '--replicas=5')).toBe('deployment.apps/web scaled');
    expect(await on('get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas} {.metadata.generation}')).toBe('5 2');
    expect(await on('set', 'image', 'deployment/web', 'nginx=nginx:2')).toBe('deployment.apps/web image updated');
    await on('rollout', 'restart', 'deployment/web');
    const described = await on('describe', 'deployment', 'web');
    expect(described).toMatch(/^Replicas: +5 desired/m);
    expect(described).toContain('nginx:2');
    expect(await on('get', 'deploy', '-o', 'wide')).toMatch(/^web +0\/5 +0 +0 +\d+s +nginx +nginx:2 +app=web$/m);
    expect(await kubectl.fails(['scale', 'deployment/web', '--replicas=1', '--current-replicas=3', ...inNamespace])).toContain(
      'Expected replicas to be 3',
    );
    expect(
      await on('patch', 'deployment', 'web', '-p', '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"side"}]}}}}'),
    ).toContain('patched');
    expect(await on('get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.spec.containers[*].name}')).toBe('side nginx');
    expect(await on('get', 'all')).toContain('deployment.apps/web');
    await on('delete', 'deployment', 'web');
  });

  test('reads logs of a pod that is bound, and is told what stands in the way of one that is not', async () => {
    const on = (...args: string[]) => kubectl.ok([...args, ...inNamespace]);
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: {
        containers: [
          { name: 'a', image: 'i' },
          { name: 'b', image: 'i' },
        ],
      },
    };
    await kubectl.ok(['create', '-f', '-', ...inNamespace], { input: JSON.stringify(pod) });
    expect(await on('logs', 'p', '-c', 'a')).toBe('');
    const ctx = { user: { name: 'test', groups: ['system:masters'] }, warn: () => {} };
    const pods = hub.registry.resource('', 'pods');
    const binding = pods.definition.subresources?.find(({ name }) => name === 'binding')?.apply;
    const target = { kind: 'Node', name: 'pi-1' };
    await pods.update(ctx, namespace, 'p', (now) => binding?.(now, { metadata: { name: 'p' }, target } as KubeObject) ?? now, {
      subresource: 'binding',
    });
    expect(await kubectl.fails(['logs', 'p', '-c', 'a', ...inNamespace])).toContain(
      'container "a" in pod "p" is waiting to start: ContainerCreating',
    );
    const containerStatuses = [
      { name: 'a', state: { running: {} }, ready: true, restartCount: 0, image: 'i', imageID: '' },
      { name: 'b', state: { waiting: { reason: 'ImagePullBackOff' } }, ready: false, restartCount: 0, image: 'i', imageID: '' },
    ];
    await pods.update(ctx, namespace, 'p', (now) => ({ ...now, status: { phase: 'Running', containerStatuses } }) as KubeObject, {
      subresource: 'status',
    });
    expect(await on('logs', 'p', '-c', 'a', '--tail=3', '--since=10s', '--timestamps', '--limit-bytes=99')).toBe(
      `${namespace}/p/a on pi-1`,
    );
    expect(asked.at(-1)).toEqual({ container: 'a', tailLines: 3, sinceSeconds: 10, timestamps: true, limitBytes: 99 });
    expect(await on('logs', 'p', '-c', 'a', '-f')).toBe(`${namespace}/p/a on pi-1\nline 1\nline 2\nline 3`);
    expect(await kubectl.fails(['logs', 'p', '-c', 'b', ...inNamespace])).toContain(
      'container "b" in pod "p" is waiting to start: trying and failing to pull image',
    );
    expect(await kubectl.fails(['logs', 'p', '-c', 'a', '-p', ...inNamespace])).toContain(
      'previous terminated container "a" in pod "p" not found',
    );
    expect(await kubectl.fails(['get', '--raw', `/api/v1/namespaces/${namespace}/pods/p/log`])).toContain(
      'a container name must be specified for pod p, choose one of: [a b]',
    );
    expect(await kubectl.fails(['get', '--raw', `/api/v1/namespaces/${namespace}/pods/p/log?container=z`])).toContain(
      'container z is not valid for pod p',
    );
    await on('delete', 'pod', 'p', '--force', '--grace-period=0');
  });

  test('reads what is kept of a board that is away, is refused at once where that is nothing, and warned when deleting there', async () => {
    const offline = 'node pi-away is offline since 2026-01-01T12:00:00Z';
    const ctx = { user: { name: 'test', groups: ['system:masters'] }, warn: () => {} };
    const away = { type: 'Ready', status: 'Unknown', lastHeartbeatTime: '2026-01-01T12:00:00Z' };
    const nodes = hub.registry.resource('', 'nodes');
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'pi-away' }, status: { conditions: [away] } };
    await nodes.create(ctx, '', node as KubeObject).catch(() => {});
    const ended = (id: string) => ({ terminated: { exitCode: 1, containerID: `podman://${id}` } });
    const status = (name: string, state: object, lastState: object) => ({
      name,
      state,
      lastState,
      ready: false,
      restartCount: 1,
      image: 'i',
      imageID: '',
    });
    const pod = (name: string) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { on: 'pi-away' } },
      spec: { nodeName: 'pi-away', containers: ['ended', 'restarted', 'backing-off', 'lost'].map((of) => ({ name: of, image: 'i' })) },
    });
    for (const name of ['one', 'two', 'three'])
      await kubectl.ok(['create', '-f', '-', ...inNamespace], { input: JSON.stringify(pod(name)) });
    const containerStatuses = [
      status('ended', ended('kept'), {}),
      status('restarted', { running: {} }, ended('kept')),
      status('backing-off', { waiting: { reason: 'CrashLoopBackOff' } }, ended('kept')),
      status('lost', ended('lost'), {}),
    ];
    await hub.registry
      .resource('', 'pods')
      .update(ctx, namespace, 'one', (now) => ({ ...now, status: { phase: 'Running', containerStatuses } }) as KubeObject, {
        subresource: 'status',
      });
    const logs = (...args: string[]) => kubectl.run(['logs', 'one', ...args, ...inNamespace]);
    for (const args of [
      ['-c', 'ended', '--tail=5', '--timestamps'],
      ['-c', 'restarted', '--previous'],
      ['-c', 'backing-off'],
    ]) {
      const { code, stdout, stderr } = await logs(...args);
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'the last words\n' });
      expect(stderr.trim()).toBe(`Warning: ${offline}; these are the last 64 KiB of ${args[1]}'s log sent at 2026-01-01T11:59:00Z`);
    }
    expect(asked.at(-3)).toEqual({ container: 'ended', tailLines: 5, timestamps: true });
    for (const container of ['restarted', 'lost']) {
      const { code, stdout, stderr } = await logs('-c', container);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr.trim()).toBe(`Error from server (ServiceUnavailable): ${offline}`);
    }
    const warning = `Warning: ${offline}; the pod will be stopped when it returns`;
    const { stdout, stderr } = await kubectl.run(['delete', 'pod', 'one', '--wait=false', ...inNamespace]);
    expect(stdout).toContain('pod "one" deleted');
    expect(stderr.trim()).toBe(warning);
    const many = await kubectl.run(['delete', 'pods', '-l', 'on=pi-away', '--wait=false', ...inNamespace]);
    expect(new Set(many.stderr.trim().split('\n'))).toEqual(new Set([warning]));
    const forced = await kubectl.run(['delete', 'pods', '-l', 'on=pi-away', '--force', '--grace-period=0', ...inNamespace]);
    expect(forced.stderr).not.toContain('offline');
    expect(await kubectl.ok(['get', 'pods', '-l', 'on=pi-away', '-o', 'name', ...inNamespace])).toBe('');
    await kubectl.ok(['create', '-f', '-', ...inNamespace], { input: JSON.stringify(pod('four')) });
    const path = `/api/v1/namespaces/${namespace}/pods`;
    expect((await kubectl.run(['delete', '--raw', path])).stderr.trim()).toBe(warning);
    expect((await kubectl.run(['delete', '--raw', `${path}?gracePeriodSeconds=0`])).stderr.trim()).toBe('');
  });

  test('gets a token for a service account, which works until the account goes', async () => {
    await kubectl.ok(['create', 'serviceaccount', 'robot', ...inNamespace]);
    // Before 1.24 there is no command for it.
    const hasCommand = (await kubectl.minor()) >= 24;
    const ask = (minutes: number): [args: string[], options?: RunOptions] => {
      if (hasCommand) return [['create', 'token', 'robot', `--duration=${minutes}m`, ...inNamespace]];
      const spec = { expirationSeconds: minutes * 60 };
      const input = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec });
      return [['create', '--raw', `/api/v1/namespaces/${namespace}/serviceaccounts/robot/token`, '-f', '-'], { input }];
    };
    const said = await kubectl.ok(...ask(20));
    const token: string = hasCommand ? said : JSON.parse(said).status.token;
    expect(token).not.toBe('');
    const user = await hub.auth.authenticator.authenticate({ bearer: token });
    expect(user).toMatchObject({ name: `system:serviceaccount:${namespace}:robot` });
    expect(await kubectl.fails(...ask(1))).toContain('may not specify a duration less than 10 minutes');
    await kubectl.ok(['delete', 'serviceaccount', 'robot', ...inNamespace]);
    await expect(hub.auth.authenticator.authenticate({ bearer: token })).rejects.toMatchObject({ code: 401 });
  });
});
