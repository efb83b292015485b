import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { modified, notFound } from '@flotilla/shared/errors/status.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { CachedObject } from '#store/cache.ts';
import { planDeletion } from './deletion.ts';
import { jsonEqual } from './json.ts';
import { objectPath } from './keys.ts';
import type { DeleteOptions, RequestContext } from './types.ts';
import { admissionAttributes, detached, maxAttempts, type WriteParts, writing } from './write-parts.ts';

export interface DeleteResult<T extends KubeObject> {
  readonly object: CachedObject<T>;
  readonly deleted: boolean;
}

/** Removes an object or marks it for removal, against what stands now in every attempt. @throws StatusError */
export async function deleteObject<T extends KubeObject>(
  parts: WriteParts<T>,
  ctx: RequestContext,
  namespace: string,
  name: string,
  options: DeleteOptions = {},
): Promise<DeleteResult<T>> {
  const { definition, cache, admission, clock } = parts;
  const key = objectPath(definition, definition.namespaced ? namespace : '', name);
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    ctx.signal?.throwIfAborted();
    const current = cache.get<T>(key);
    if (!current) throw notFound(definition, name);
    const about = { ctx, operation: 'DELETE', namespace, name, object: undefined, old: current.object, options } as const;
    const attributes = admissionAttributes(definition, about);
    await admission.mutate(attributes);
    await admission.validate(attributes);
    const step = planDeletion(definition, current.object, options, clock.wallMs());
    const nothingNew = step.kind === 'keep' || (step.kind === 'mark' && jsonEqual(step.object, current.object));
    if (nothingNew) return { object: current, deleted: false };
    if (options.dryRun)
      return step.kind === 'remove'
        ? { object: definition.graceful ? ended(current, clock.wallMs()) : current, deleted: true }
        : { object: detached(key, step.object), deleted: false };
    if (step.kind === 'remove') {
      const removed = await writing(() => cache.delete<T>(key, current.revision));
      if (removed) return { object: definition.graceful ? ended(removed, clock.wallMs()) : removed, deleted: true };
    } else {
      const marked = await writing(() => cache.update(key, current.revision, step.object, { deleting: true }));
      if (marked) return { object: marked, deleted: false };
    }
  }
  throw modified(definition, name);
}

/** What was deleted at once, as Kubernetes marks it before it goes. */
function ended<T extends KubeObject>(removed: CachedObject<T>, nowMs: number): CachedObject<T> {
  const { metadata = {} } = removed.object;
  const first = metadata.deletionTimestamp === undefined;
  const marked = {
    ...metadata,
    ...(first && metadata.generation ? { generation: metadata.generation + 1 } : {}),
    ...(first ? { deletionTimestamp: kubeTime(nowMs) } : {}),
    deletionGracePeriodSeconds: 0,
  };
  return detached(removed.key, { ...removed.object, metadata: marked }, removed.revision);
}
