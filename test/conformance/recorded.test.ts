import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from './ask.ts';
import { compare, type Difference, describeDifference } from './compare.ts';
import { startConformanceHub } from './conformance-hub.ts';
import { isMeant, meant } from './differences.ts';
import type { Answer } from './exchange.ts';
import { readRecording } from './recordings.ts';
import { topics } from './topics.ts';

const seen = new Set<(typeof meant)[number]>();
let hub: Awaited<ReturnType<typeof startConformanceHub>>;

beforeAll(async () => {
  hub = await startConformanceHub();
});
afterAll(() => hub.close());

describe('what Kubernetes answered, the hub answers', () => {
  test.each(topics)('$name', async (topic) => {
    const { answers: recorded } = readRecording(topic.name);
    expect(Object.keys(recorded), 'record the topic anew').toEqual(topic.cases.map(({ name }) => name));
    const found = await ask(hub, topic);
    const wrong: string[] = [];
    for (const { name } of topic.cases) {
      const [wanted, answer] = [recorded[name], found.get(name)];
      if (!wanted || !answer) throw new Error(`no answer to ${name}`);
      const differences = compare(wanted, answer).filter((difference) => !explained(name, difference, wanted, answer));
      wrong.push(...differences.map((one) => `${name}: ${describeDifference(one)}`));
    }
    expect(wrong.join('\n')).toBe('');
  });

  test('every difference that is meant is still there', () => {
    expect(meant.filter((one) => !seen.has(one)).map(({ why }) => why)).toEqual([]);
  });
});

function explained(name: string, difference: Difference, recorded: Answer, found: Answer): boolean {
  const reasons = meant.filter((one) => isMeant(one, name, difference, recorded, found));
  for (const one of reasons) seen.add(one);
  return reasons.length > 0;
}
