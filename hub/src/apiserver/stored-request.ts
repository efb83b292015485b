import type { ResourceRegistry, Subresource } from '#registry/generic/types.ts';
import type { ApiRequest } from './exchange.ts';
import type { ResourceTarget } from './request-info.ts';
import type { WarningContext } from './warning-context.ts';

export interface WriteRequest extends ApiRequest {
  readonly ctx: WarningContext;
}

/** A request about a resource that is stored, or about one of its subresources. */
export interface StoredRequest extends WriteRequest {
  readonly resource: ResourceRegistry;
  readonly target: ResourceTarget;
  readonly subresource?: Subresource;
  readonly nowMs: number;
}
