import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { badRequest, StatusError } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { serverSideApply } from '#patch/server-side-apply.ts';
import { DuplicateKeyError } from '#patch/structured-merge.ts';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { checkObject } from '#registry/schema/decode-object.ts';
import { readConfiguration, untypable } from './apply-configuration.ts';
import { readWriteOptions } from './query-options.ts';
import { viewOf } from './read-handlers.ts';
import type { ResourceTarget } from './request-info.ts';
import type { StoredRequest } from './stored-request.ts';
import { replyWritten, shapeOf } from './write-handlers.ts';

/** PATCH with `application/apply-patch+yaml`: the body is what its manager wants to own; an object that is not there is created. */
export async function handleApply(request: StoredRequest): Promise<void> {
  const { exchange, info, ctx, resource, target, subresource, nowMs } = request;
  const { definition } = resource;
  viewOf(request);
  const options = readWriteOptions(info.query, 'PatchOptions', true);
  const configuration = readConfiguration(ctx, await exchange.readBody(), shapeOf(request), options.fieldValidation);
  const own = subresource?.view ? ofParent(configuration, definition) : configuration;
  const applied = named(own, target);
  const { group, version, schema } = definition;
  const merge = (live: KubeObject | undefined): KubeObject =>
    typed(
      configuration,
      () =>
        serverSideApply({
          live,
          applied,
          manager: options.fieldManager ?? '',
          force: options.force,
          apiVersion: group ? `${group}/${version}` : version,
          definition: schema,
          subresource: subresource?.name,
          now: kubeTime(nowMs),
        }),
      definition,
    );
  const { object, created } = await resource.update(ctx, target.namespace, target.name, merge, {
    ...options,
    operation: 'Apply',
    createIfMissing: () => merge(undefined),
    ...(subresource ? { subresource: subresource.name } : {}),
  });
  await replyWritten(request, created ? 201 : 200, object);
}

/** The configuration of a Scale as one of what is scaled. */
function ofParent({ metadata, ...view }: KubeObject, { group, version, kind }: ResourceDefinition): KubeObject {
  const { replicas } = (view as { spec?: { replicas?: number } }).spec ?? {};
  const { name, namespace, resourceVersion } = metadata ?? {};
  const kept = { ...(name ? { name } : {}), ...(namespace ? { namespace } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
  const spec = replicas === undefined ? {} : { spec: { replicas } };
  return { apiVersion: group ? `${group}/${version}` : version, kind, metadata: kept, ...spec };
}

/** What was merged as the kind stores it. */
function typed(configuration: KubeObject, merge: () => KubeObject, { group, version, kind, schema }: ResourceDefinition): KubeObject {
  try {
    return checkObject(merge(), { definition: schema, gvk: { group, version, kind }, fieldValidation: 'Ignore' }).object;
  } catch (error) {
    if (error instanceof DuplicateKeyError) throw new StatusError(500, '', `${untypable(configuration)}: ${error.message}`);
    throw error;
  }
}

/** @throws StatusError BadRequest when the configuration names another object than the path */
function named(applied: KubeObject, { name, namespace }: ResourceTarget): KubeObject {
  const own = applied.metadata ?? {};
  if (own.name && own.name !== name) throw badRequest(`the name of the object (${own.name}) does not match the name on the URL (${name})`);
  if (namespace && own.namespace && own.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  return { ...applied, metadata: { ...applied.metadata, name, ...(namespace ? { namespace } : {}) } };
}
