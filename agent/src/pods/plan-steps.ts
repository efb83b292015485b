/** All that a pod's worker can do. Each has one executor in the table of executors.ts. */
export type Step =
  /** Side by side, since none needs what another does; ends when all have ended. */
  | { readonly do: 'together'; readonly steps: readonly Step[] }
  | { readonly do: 'mountVolumes' }
  | { readonly do: 'createSandbox' }
  | { readonly do: 'removeSandbox'; readonly id: string }
  /** Sees to the image; a pull goes on in the background. */
  | { readonly do: 'ensureImage'; readonly container: string }
  | { readonly do: 'noteImageBackOff'; readonly container: string }
  | { readonly do: 'cancelPull'; readonly container: string }
  | { readonly do: 'startContainer'; readonly container: string; readonly attempt: number; readonly backOff: boolean }
  /** Begins to stop; goes on in the background. */
  | {
      readonly do: 'stopContainer';
      readonly container: string;
      readonly id: string;
      readonly graceSeconds: number;
      readonly message: string;
    }
  | { readonly do: 'removeContainer'; readonly id: string }
  | { readonly do: 'noteBackOff'; readonly container: string; readonly delayMs: number }
  /** They may not run until the hub renews the pod's lease. */
  | { readonly do: 'noteLease'; readonly containers: readonly string[] }
  /** The pod ended for good; what is left running is stopped next. */
  | { readonly do: 'finish'; readonly phase: 'Succeeded' | 'Failed'; readonly reason?: string; readonly message?: string }
  /** Nothing runs any more and the pod is to go: volumes, record, tombstone. */
  | { readonly do: 'bury' };

export interface Plan {
  /** In this order; a step that fails ends the pass. */
  readonly steps: readonly Step[];
  /** When to plan again if nothing happens; monotonic. */
  readonly wakeAtMs: number | undefined;
}
