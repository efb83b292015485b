import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { offlineWords, podOfflineSince } from '@flotilla/shared/api/offline.js';
import { badRequest } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { replyObject, setWarnings, successStatus } from './answers.ts';
import { decodeBody } from './body.ts';
import { readDeleteOptions } from './delete-options.ts';
import type { SpecialSubresource } from './endpoints.ts';
import { negotiate } from './negotiation.ts';
import { readWriteOptions } from './query-options.ts';
import { WarningContext } from './warning-context.ts';

const shape = { group: 'policy', version: 'v1', kind: 'Eviction', schema: 'io.k8s.api.policy.v1.Eviction' };

/** `POST pods/NAME/eviction` (registry/core/pod, `EvictionREST`): a deletion that a disruption budget may refuse; none is served. */
export const evictionSubresource: SpecialSubresource = {
  group: '',
  resource: 'pods',
  description: { name: 'eviction', kind: shape, verbs: ['create'] },
  async handle({ exchange, info, ctx }, resource, target) {
    const { format } = negotiate(exchange.header('accept'));
    const { dryRun = false, fieldValidation } = readWriteOptions(info.query, 'CreateOptions');
    const body = await exchange.readBody();
    const eviction: KubeObject & { readonly deleteOptions?: object } = decodeBody(
      ctx,
      body,
      exchange.header('content-type'),
      shape,
      fieldValidation,
    );
    const own = eviction.metadata?.name;
    if (own && own !== target.name) throw badRequest('name in URL does not match name in Eviction object');
    const given = eviction.deleteOptions ? Buffer.from(JSON.stringify(eviction.deleteOptions)) : Buffer.alloc(0);
    const options = readDeleteOptions(new URLSearchParams(), given, 'application/json');
    const { object, deleted } = await resource.delete(ctx, target.namespace, target.name, {
      ...options,
      dryRun: dryRun || (options.dryRun ?? false),
    });
    const waits = deleted ? undefined : waitsForNode(object.object);
    if (waits) ctx.warn(waits);
    if (ctx instanceof WarningContext) setWarnings(exchange, ctx.warnings);
    const { details: _details, ...success } = successStatus({});
    await replyObject(exchange, 201, { ...success, code: 201 }, format);
  },
};

/** Who drains a node that is away is told why it takes so long. */
function waitsForNode(pod: Pod): string | undefined {
  const since = podOfflineSince(pod);
  return since && `${offlineWords(pod.spec?.nodeName ?? '', since)}; the pod will be stopped when it returns`;
}
