import type { ResourceRegistry, Subresource } from '#registry/generic/types.ts';
import { unsupportedMediaType } from './negotiation.ts';
import type { ResourceTarget } from './request-info.ts';
import type { WriteRequest } from './write-handlers.ts';

export function handleApply(
  _request: WriteRequest,
  _resource: ResourceRegistry,
  _target: ResourceTarget,
  _subresource: Subresource | undefined,
  _nowMs: number,
): Promise<void> {
  throw unsupportedMediaType([]);
}
