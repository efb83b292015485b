import { definitions } from '@flotilla/hub/registry/definitions.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiHub, startApiHub } from '../harness/api-hub.ts';
import { findKubectls, Kubectl } from '../harness/kubectl.ts';
import { priorityClasses } from './added-kind/priority-class.ts';

/** What CONTRIBUTING.md promises: a kind is one file, and everything else follows from it. */

let hub: ApiHub;
let kubectl: Kubectl;

beforeAll(async () => {
  expect(
    definitions.map(({ kind }) => kind),
    'take a kind that is not served',
  ).not.toContain('PriorityClass');
  hub = await startApiHub({ definitions: [...definitions, priorityClasses] });
  kubectl = new Kubectl(findKubectls().newest, hub.kubeconfig);
});
afterAll(async () => {
  kubectl.close();
  await hub.close();
});

const manifest = (more: object = {}): string =>
  JSON.stringify({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'high' }, value: 1000, ...more });

describe('a kind added with one file', () => {
  test('is discovered and explained', async () => {
    expect(await kubectl.ok(['api-resources', '--api-group=scheduling.k8s.io', '--no-headers'])).toMatch(
      /^priorityclasses\s+pc\s+scheduling\.k8s\.io\/v1\s+false\s+PriorityClass$/m,
    );
    expect(await kubectl.ok(['explain', 'priorityclass.preemptionPolicy'])).toMatch(/preemptionPolicy/);
  });

  test('is made, defaulted, validated, shown, patched, owned by fields and deleted', async () => {
    await kubectl.ok(['create', '-f', '-'], { input: manifest() });
    expect(await kubectl.ok(['get', 'pc', '--no-headers'])).toMatch(/^high\s+1000\s+false\s+\d+s$/m);
    expect(await kubectl.ok(['get', 'pc', 'high', '-o', 'jsonpath={.preemptionPolicy}'])).toBe('PreemptLowerPriority');
    const refused = await kubectl.run(['create', '-f', '-'], { input: manifest({ metadata: { name: 'higher' }, value: 2_000_000_000 }) });
    expect(refused.stderr).toContain('value: Forbidden: maximum allowed value of a user defined priority is 1000000000');
    const fixed = await kubectl.run(['patch', 'pc', 'high', '--type=merge', '-p', '{"value":1}']);
    expect(fixed.stderr).toContain('value: Invalid value: 1: field is immutable');
    await kubectl.ok(['patch', 'pc', 'high', '-p', '{"description":"for doors"}']);
    await kubectl.ok(['apply', '--server-side', '--field-manager=me', '-f', '-'], {
      input: manifest({ metadata: { name: 'high', labels: { a: 'b' } } }),
    });
    const managers = await kubectl.ok([
      'get',
      'pc',
      'high',
      '-o',
      'jsonpath={.metadata.managedFields[*].manager}',
      '--show-managed-fields',
    ]);
    expect(managers.split(' ')).toContain('me');
    const unknown = await kubectl.run(['create', '-f', '-'], { input: manifest({ metadata: { name: 'odd' }, colour: 'red' }) });
    expect(unknown.stderr).toContain('unknown field "colour"');
    await kubectl.ok(['delete', 'pc', 'high', '--wait']);
    expect(await kubectl.ok(['get', 'pc'])).toBe('');
  });
});
