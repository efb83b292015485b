/** How a simulated board misbehaves; a board has one of these or none. */
export const behaviourNames = ['flapping', 'slow', 'cut', 'skewed-clock', 'dying'] as const;
export type BehaviourName = (typeof behaviourNames)[number];

/** Which share of the boards does what: numbers from 0 to 1 that are 1 together at most. */
export type BehaviourShares = Readonly<Partial<Record<BehaviourName, number>>>;

/** One table for how bad it is; each time is drawn anew from its span. */
export const behaviourTimes = {
  /** Between two losses of the line, and how long it is gone. */
  flapping: { everyMs: [20_000, 60_000], forMs: [500, 2_000] },
  /** What each message takes, each way. */
  slow: { delayMs: 1_000 },
  cut: { everyMs: [120_000, 360_000], forMs: [60_000, 300_000] },
  /** How far the board's clock is off, to either side. */
  skewedClock: { offMs: [3_600_000, 10 * 365 * 86_400_000] },
  /** Between two ends of the agent, and until it is started again; its containers run on. */
  dying: { everyMs: [120_000, 360_000], forMs: [5_000, 5_000] },
} as const satisfies Record<string, Record<string, number | readonly [number, number]>>;

/** `flapping=5%,cut=1%`. @throws Error with a message for whoever typed it */
export function parseBehaviours(text: string): BehaviourShares {
  const shares: Partial<Record<BehaviourName, number>> = {};
  for (const part of text.split(',').filter((each) => each !== '')) {
    const [, name = '', percent = ''] = /^([a-z-]+)=(\d+(?:\.\d+)?)%$/.exec(part) ?? [];
    const known = behaviourNames.find((each) => each === name);
    if (!known || Number(percent) > 100)
      throw new Error(`${JSON.stringify(part)} is not NAME=PERCENT% with a name of ${behaviourNames.join(', ')}`);
    shares[known] = Number(percent) / 100;
  }
  const sum = Object.values(shares).reduce((total, share) => total + share, 0);
  if (sum > 1 + 1e-9) throw new Error(`the shares are ${Math.round(sum * 100)}% together; a board has one behaviour`);
  return shares;
}

/** Steps of the golden ratio: any run of boards has its shares, whatever the number of the first. */
const step = 0.618_033_988_749_895;

/** What the board of this number does. The same number does the same in every run. */
export function behaviourOf(number: number, shares: BehaviourShares): BehaviourName | undefined {
  let left = (number * step) % 1;
  for (const name of behaviourNames) {
    left -= shares[name] ?? 0;
    if (left < 0) return name;
  }
  return undefined;
}
