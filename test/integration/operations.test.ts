import { definitions } from '@flotilla/hub/registry/definitions.js';
import type { RequestContext } from '@flotilla/hub/registry/generic/types.js';
import type { NodeOperation, NodeOperationSpec } from '@flotilla/shared/api/fleet/node-operation.js';
import { endOperation } from '@flotilla/shared/api/fleet/node-operation-status.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiHub, startApiHub } from '../harness/api-hub.ts';
import { findKubectls, Kubectl } from '../harness/kubectl.ts';

const found = findKubectls();
const ctx: RequestContext = { user: { name: 'admin', groups: ['system:masters'] }, warn: () => {} };
let hub: ApiHub;

beforeAll(async () => {
  hub = await startApiHub({ definitions });
});
afterAll(() => hub.close());

const write = (name: string, change: (operation: NodeOperation) => NodeOperation) =>
  hub.registry.resource<NodeOperation>('fleet.flotilla.dev', 'nodeoperations').update(ctx, '', name, change, { subresource: 'status' });
const manifest = (name: string, spec: Partial<NodeOperationSpec> | object = {}): string =>
  JSON.stringify({
    apiVersion: 'fleet.flotilla.dev/v1alpha1',
    kind: 'NodeOperation',
    metadata: { name },
    spec: { nodeName: 'pi', action: 'Reboot', ...spec },
  });

describe.each(Object.entries(found))('the %s kubectl and operations', (age, command) => {
  let kubectl: Kubectl;
  const name = `op-${age}`;
  const apply = (input: string) => kubectl.ok(['apply', '-f', '-'], { input });
  const refused = (input: string) => kubectl.fails(['apply', '-f', '-'], { input });

  beforeAll(() => {
    kubectl = new Kubectl(command, hub.kubeconfig);
  });
  afterAll(() => kubectl.close());

  test('finds and explains the kind', async () => {
    expect(await kubectl.ok(['api-resources', '--no-headers'])).toMatch(
      /^nodeoperations +nodeop +fleet\.flotilla\.dev\/v1alpha1 +false +NodeOperation$/m,
    );
    const explained = await kubectl.ok(['explain', 'nodeop.spec']);
    expect(explained).toContain('How long it may wait for its board, by the clock of the hub.');
    expect(explained).toMatch(/^ *ttlSeconds\s+<integer>/m);
    expect(await kubectl.ok(['explain', 'nodeoperation.status.phase'])).toContain('nobody can tell whether it was done');
  });

  test('creates, shows, changes what may be changed, and describes', async () => {
    expect(await apply(manifest(name))).toBe(`nodeoperation.fleet.flotilla.dev/${name} created`);
    expect(await apply(manifest(name))).toBe(`nodeoperation.fleet.flotilla.dev/${name} unchanged`);
    expect(await kubectl.ok(['get', 'nodeop', name])).toMatch(
      new RegExp(`^NAME +NODE +ACTION +PHASE +AGE\n${name} +pi +Reboot +Pending +\\d+s$`),
    );
    expect(JSON.parse(await kubectl.ok(['get', 'nodeop', name, '-o', 'json']))).toMatchObject({
      spec: { ttlSeconds: 86_400, ttlSecondsAfterFinished: 604_800 },
      status: { phase: 'Pending' },
    });
    expect(await kubectl.ok(['get', 'nodeop', '--field-selector', 'spec.nodeName=other'])).toBe('');
    await kubectl.ok(['patch', 'nodeop', name, '--type=merge', '-p', '{"spec":{"cancel":true}}']);
    const described = await kubectl.ok(['describe', 'nodeop', name]);
    expect(described).toMatch(/^Kind: +NodeOperation$/m);
    expect(described).toMatch(/^ +Cancel: +true$/m);
    expect(described).toMatch(/^ +Phase: +Pending$/m);
  });

  test('is told what is wrong', async () => {
    expect(await refused(manifest(`${name}-bad`, { action: 'Explode', ttlSeconds: 0 }))).toContain(
      `The NodeOperation "${name}-bad" is invalid: \n* spec.action: Unsupported value: "Explode": supported values: "Reboot", "RestartPod", "CollectDiagnostics"\n* spec.ttlSeconds: Invalid value: 0: must be between 1 and 2592000, inclusive`,
    );
    expect(await refused(manifest(`${name}-bad`, { action: 'RestartPod' }))).toContain(
      'spec.pod: Required value: must be specified when `action` is RestartPod',
    );
    expect(await refused(manifest(name, { nodeName: 'other' }))).toContain('spec.nodeName: Invalid value: "other": field is immutable');
    if (await kubectl.leavesValidationToServer()) {
      expect(await refused(manifest(`${name}-bad`, { when: 'now' }))).toContain('unknown field "spec.when"');
    }
  });

  test('waits for its end, and is told when what it deletes may go on', async () => {
    const waited = `${name}-waited`;
    await apply(manifest(waited));
    const waiting = kubectl.ok(['wait', '--for=condition=Complete', `nodeop/${waited}`, '--timeout=120s']);
    await write(waited, (operation) => ({ ...operation, status: { phase: 'Running' } }));
    await write(waited, (operation) => endOperation(operation, { phase: 'Succeeded', message: 'done' }, '2026-01-01T00:00:00Z'));
    expect(await waiting).toBe(`nodeoperation.fleet.flotilla.dev/${waited} condition met`);
    expect(await kubectl.run(['delete', 'nodeop', waited])).toMatchObject({ code: 0, stderr: '' });
    await write(name, (operation) => ({ ...operation, status: { phase: 'Running' } }));
    const deleted = await kubectl.run(['delete', 'nodeop', name]);
    expect(deleted.stdout).toContain(`nodeoperation.fleet.flotilla.dev "${name}" deleted`);
    expect(deleted.stderr).toContain(`Warning: node operation ${name} has begun on node pi; deleting it does not stop it`);
  });
});
