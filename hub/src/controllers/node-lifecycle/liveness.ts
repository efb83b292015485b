/** Whether the boards are there; implemented by whoever holds the device sessions. */
export interface NodeLiveness {
  /** False once the device's session is away beyond its deadline, or never was. */
  isAlive(node: string): boolean;
  /** When a board that has no session was heard last, as well as is known after a restart of the hub too. */
  awaySinceWallMs(node: string): number | undefined;
  /** Called with the node's name whenever the answer changes. */
  onChange(changed: (node: string) => void): { stop(): void };
}
