import type { Node } from '@flotilla/shared/api/generated/types.js';
import { expect, it } from 'vitest';
import type { RequestContext } from '#registry/generic/types.ts';
import { admissionFixture } from '../../../test/harness/admission-fixture.ts';

it('lets an operator say that a node may go on in another machine, and not the board', async () => {
  const fixture = await admissionFixture();
  try {
    const nodes = fixture.registry.resource<Node>('', 'nodes');
    const board = { ...fixture.ctx, user: { name: 'system:node:n', groups: ['system:nodes', 'system:authenticated'] } };
    await nodes.create(fixture.ctx, '', { metadata: { name: 'n' } });
    const say = (ctx: RequestContext, policy: string, subresource?: string) =>
      nodes.update(
        ctx,
        '',
        'n',
        (node) => ({ ...node, metadata: { ...node.metadata, annotations: { 'fleet.flotilla.dev/rebind': policy } } }),
        subresource === undefined ? {} : { subresource },
      );
    await expect(say(fixture.ctx, 'Maybe')).rejects.toThrow('Unsupported value: "Maybe": supported values: "Approve", "Ask"');
    for (const subresource of [undefined, 'status']) await expect(say(board, 'Approve', subresource)).rejects.toMatchObject({ code: 403 });
    await say(fixture.ctx, 'Approve');
    // What stands there is no obstacle to what the board reports.
    await nodes.update(board, '', 'n', (node) => ({ ...node, status: { ...node.status, phase: 'Running' } }), { subresource: 'status' });
    await say(fixture.ctx, 'Ask');
  } finally {
    await fixture.close();
  }
});
