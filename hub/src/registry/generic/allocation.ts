import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { Fence } from '#store/contract.ts';

/**
 * Gives objects of a kind what no two of them may have: addresses, ports. What is given out is derived from the objects that are stored,
 * so that nothing leaks when a hub dies between two writes.
 */
export interface Allocator<T extends KubeObject = KubeObject> {
  /**
   * Fills in what `object` lacks, before strategy and validation look at it, and holds that until the write is over.
   * @param old what stands now, on an update @param dryRun nothing is held
   * @throws StatusError for what is asked for and cannot be had
   */
  begin(object: T, old: T | undefined, dryRun: boolean): Promise<Allocation>;
}

export interface Allocation {
  /** Another hub gave something out meanwhile when this does not hold: the write is tried again from the beginning. */
  readonly fence?: Fence | undefined;
  /** The write is over: what it took is in the store now, or free again. */
  end(): void;
}

export const nothingAllocated: Allocation = { end: () => {} };
