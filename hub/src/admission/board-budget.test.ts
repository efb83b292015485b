import type { Node } from '@flotilla/shared/api/generated/types.js';
import { expect, it } from 'vitest';
import { admissionFixture } from '../../../test/harness/admission-fixture.ts';

it('takes budgets that make sense, and names the annotation that does not', async () => {
  const fixture = await admissionFixture();
  try {
    const nodes = fixture.registry.resource<Node>('', 'nodes');
    await nodes.create(fixture.ctx, '', { metadata: { name: 'n' } });
    const annotate = (annotations: Record<string, string>) =>
      nodes.update(fixture.ctx, '', 'n', (node) => ({ ...node, metadata: { ...node.metadata, annotations } }));
    await annotate({ 'fleet.flotilla.dev/link-profile': 'metered', 'fleet.flotilla.dev/data-budget': '500M' });
    await expect(annotate({ 'fleet.flotilla.dev/link-profile': 'cheap' })).rejects.toMatchObject({
      code: 422,
      message:
        'Node "n" is invalid: metadata.annotations[fleet.flotilla.dev/link-profile]: Unsupported value: "cheap": supported values: "lan", "default", "metered"',
    });
    await expect(annotate({ 'fleet.flotilla.dev/data-budget': 'much' })).rejects.toMatchObject({ code: 422 });
    const refused = nodes.create(fixture.ctx, '', { metadata: { name: 'm', annotations: { 'fleet.flotilla.dev/data-budget-day': '31' } } });
    await expect(refused).rejects.toThrow('must be a day of every month, 1 to 28');
  } finally {
    await fixture.close();
  }
});
