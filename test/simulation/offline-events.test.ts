import type { Event, Pod } from '@flotilla/shared/api/generated/types.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { describe, expect, it } from 'vitest';
import { type Fleet, startFleet } from './fleet.ts';

const node = 'board-0';
const minute = 60_000;

function crashing(name: string, everyMs: number): Pod {
  const env = Object.entries({ FAKE_EXIT_AFTER_MS: `${everyMs}`, FAKE_EXIT_CODE: '1' }).map(([key, value]) => ({ name: key, value }));
  const spec = { nodeName: node, automountServiceAccountToken: false, containers: [{ name: 'main', image: 'localhost/app:1', env }] };
  return { metadata: { name, namespace: 'default' }, spec };
}

/** How often each pod was started, as the API counts it and as it was. */
function starts({ hub, runtimes }: Fleet): { readonly told: Record<string, number>; readonly real: Record<string, number> } {
  const told: Record<string, number> = {};
  for (const { involvedObject, reason, count = 1 } of hub.admin.informer<Event>('', 'events').list()) {
    const { name = '' } = involvedObject;
    if (reason === 'Started') told[name] = (told[name] ?? 0) + count;
  }
  const real: Record<string, number> = {};
  for (const [key, count] of runtimes.get(node)?.starts ?? []) real[key.split('/')[1] ?? ''] = count;
  return { told, real };
}

/** Half an hour in which containers crash, the line breaks and the hub is killed at its writes. */
async function ordeal(seed: number, faults: 'hub' | 'hub and agent'): Promise<ReturnType<typeof starts>> {
  const random = new SeededRandom(seed);
  const weather = { delayMs: 300, duplicate: 0.1, lose: 0.1, disconnect: 0.02 };
  const fleet = await startFleet({ seed, boards: 1, weather, traced: false });
  const { clock, boards } = fleet;
  try {
    await clock.advance(minute);
    for (const [name, everyMs] of Object.entries({ quick: 5_000, slow: 100_000 }))
      await fleet.hub.admin.resource<Pod>('', 'pods').create('default', crashing(name, everyMs));
    for (let round = 0; round < 15; round++) {
      const dice = random.next();
      if (dice < 0.3) fleet.broker.partition(node, true);
      else if (dice < 0.7) fleet.crashHubAtWrite(Math.floor(random.next() * 12), () => {});
      else if (faults === 'hub and agent') boards.get(node)?.killAtWrite(Math.floor(random.next() * 12));
      await clock.advance(minute);
      if (boards.get(node)?.running === false) {
        boards.get(node)?.kill();
        await boards.get(node)?.start();
      }
      if (!fleet.hubRuns) await fleet.startHub();
      fleet.broker.partition(node, false);
      await clock.advance(minute);
    }
    // All is well, and nothing crashes within the back-off.
    fleet.crashHubAtWrite(Number.MAX_SAFE_INTEGER, () => {});
    boards.get(node)?.killAtWrite(Number.MAX_SAFE_INTEGER);
    fleet.broker.weather = { delayMs: 0, duplicate: 0, lose: 0, disconnect: 0 };
    fleet.hub.admin.informer<Event>('', 'events');
    for (let wait = 0; wait < 30; wait++) {
      await clock.advance(10_000);
      const found = starts(fleet);
      if (JSON.stringify(found.told) === JSON.stringify(found.real)) return found;
    }
    return starts(fleet);
  } finally {
    await fleet.stop();
  }
}

describe('what happened on a board', () => {
  it.each([1, 2, 3])('is told exactly once whenever the hub is killed and whatever the line does (seed %i)', async (seed) => {
    const { told, real } = await ordeal(seed, 'hub');
    expect(real['quick']).toBeGreaterThan(5);
    expect(told).toEqual(real);
  });

  it.each([11, 12])('is told at most once when the agent is killed too (seed %i)', async (seed) => {
    const { told, real } = await ordeal(seed, 'hub and agent');
    for (const [name, count] of Object.entries(real)) {
      expect(told[name] ?? 0).toBeLessThanOrEqual(count);
      expect(told[name] ?? 0).toBeGreaterThan(count / 2);
    }
  });
});
