/** The door to what ends pods whose lease is over, even when this agent cannot. */
export interface LeaseGuard {
  /** Resolves when one runs that looks after `state` in this folder; cheap when it does. Rejects when none can be started. */
  ensure(dir: string): Promise<void>;
}

/** What a pod's lease allows, in milliseconds from now. */
export interface Permit {
  readonly mayRun: boolean;
  /** Until its processes are killed; at most 0 when it may not run. */
  readonly leftMs: number;
  readonly termMs: number;
}
