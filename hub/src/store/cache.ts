import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { Revision } from './contract.ts';

/** A decoded object at one revision. Frozen, shared by every reader, serialised at most once. */
export interface CachedObject<T extends KubeObject = KubeObject> {
  readonly key: string;
  /** Deeply frozen, with `metadata.resourceVersion` set. */
  readonly object: T;
  readonly revision: Revision;
  /** The JSON of `object`, made once and kept. */
  readonly json: () => string;
}
