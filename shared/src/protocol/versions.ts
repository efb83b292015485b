/** Message versions above the framing that this build speaks; the newest first. */
export const protocolVersions: readonly number[] = [1];

/** In a welcome: these two share nothing but the frozen core. The board keeps its pods, has the time, and can be updated. */
export const coreVersion = 0;

const back = 2;
const ahead = 1;

/** What two sides speak with each other. */
export interface Agreement {
  /** `coreVersion` when they are too far apart for anything else. */
  readonly version: number;
  /** Only between sides that both know the version: others exchange complete manifests. */
  readonly deltas: boolean;
}

/**
 * The newest version both know; else the older one's newest, when the board is from two versions behind the hub to one ahead of it:
 * a complete manifest, its objects and reports are understood over that distance, because unknown fields are ignored.
 */
export function agree(hub: readonly number[], board: readonly number[]): Agreement {
  const common = hub.filter((version) => board.includes(version));
  if (common.length > 0) return { version: Math.max(...common), deltas: true };
  const [ofHub, ofBoard] = [Math.max(...hub), Math.max(...board)];
  const near = ofBoard >= ofHub - back && ofBoard <= ofHub + ahead;
  return { version: near ? Math.min(ofHub, ofBoard) : coreVersion, deltas: false };
}

/** Whether a board can go on with the version that the hub chose. */
export function accepts(board: readonly number[], chosen: number): boolean {
  return chosen === coreVersion || board.includes(chosen) || chosen === Math.max(...board) - ahead;
}
