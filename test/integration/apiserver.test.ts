import { once } from 'node:events';
import { configMaps } from '@flotilla/hub/registry/core/config-map.js';
import { namespaces } from '@flotilla/hub/registry/core/namespace.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiHub, startApiHub } from '../harness/api-hub.ts';
import { findKubectls, Kubectl } from '../harness/kubectl.ts';

const found = findKubectls();
let hub: ApiHub;

beforeAll(async () => {
  hub = await startApiHub({ definitions: [configMaps, namespaces] });
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
    expect((await kubectl.ok(['api-versions'])).split('\n')).toEqual(['authentication.k8s.io/v1', 'authorization.k8s.io/v1', 'v1']);
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
    expect((await create('d', { dta: {} })).stderr).toContain('strict decoding error: unknown field "dta"');
    expect((await create('d', { data: { n: 1 } })).stderr).toContain(
      'json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    );
    expect((await create('Bad_Name', {})).stderr).toContain(
      'The ConfigMap "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of',
    );
    expect(await create('d', { dta: {} }, '--validate=warn')).toMatchObject({ code: 0, stderr: 'Warning: unknown field "dta"\n' });
  });

  test('a dry run changes nothing', async () => {
    expect(await kubectl.ok(['create', 'configmap', 'e', '--dry-run=server', ...inNamespace])).toBe('configmap/e created (server dry run)');
    expect(await kubectl.fails(['get', 'cm', 'e', ...inNamespace])).toContain('not found');
  });

  test('watches from the list on', async () => {
    const child = kubectl.start(['get', 'cm', '--watch', '-o', 'name', ...inNamespace]);
    const names: string[] = [];
    const seen = (name: string) => expect.poll(() => names.join('').split('\n'), { timeout: 20_000 }).toContain(`configmap/${name}`);
    child.stdout?.on('data', (data: Buffer) => names.push(data.toString()));
    await kubectl.ok(['create', 'configmap', 'watched', ...inNamespace]);
    await seen('watched');
    await kubectl.ok(['create', 'configmap', 'watched-too', ...inNamespace]);
    await seen('watched-too');
    child.kill();
    await once(child, 'close');
  });

  test('waits for a deletion, and deletes a whole collection', async () => {
    const gone = kubectl.ok(['wait', '--for=delete', 'cm/watched', '--timeout=30s', ...inNamespace]);
    await kubectl.ok(['delete', 'cm', '--all', ...inNamespace]);
    await gone;
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
});
