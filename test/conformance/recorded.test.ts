import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from './ask.ts';
import { compare, type Difference, describeDifference } from './compare.ts';
import { startConformanceHub } from './conformance-hub.ts';
import { isMeant, meant } from './differences.ts';
import type { Answer } from './exchange.ts';
import { readRecording } from './recordings.ts';
import { topics } from './topics.ts';

/** By topic and case the places in which the hub's answer is not yet as Kubernetes': it only ever gets shorter. */
type Open = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

const open = JSON.parse(readFileSync(join(import.meta.dirname, 'open-differences.json'), 'utf8')) as Open;
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
      const known = new Set(open[topic.name]?.[name] ?? []);
      for (const one of differences) if (!known.delete(one.at)) wrong.push(`${name}: ${describeDifference(one)}`);
      for (const at of known) wrong.push(`${name}: ${at} does not differ any more: take it out of open-differences.json`);
    }
    expect(wrong.join('\n')).toBe('');
  });

  test('every difference that is meant is still there', () => {
    expect(meant.filter((one) => !seen.has(one)).map(({ why }) => why)).toEqual([]);
  });

  test('every topic with open differences is played', () => {
    expect(Object.keys(open).filter((name) => !topics.some((topic) => topic.name === name))).toEqual([]);
  });
});

function explained(name: string, difference: Difference, recorded: Answer, found: Answer): boolean {
  const reasons = meant.filter((one) => isMeant(one, name, difference, recorded, found));
  for (const one of reasons) seen.add(one);
  return reasons.length > 0;
}
