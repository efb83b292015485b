import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer, Recording } from './exchange.ts';

const fileOf = (topic: string): string => join(import.meta.dirname, 'recorded', `${topic}.json`);

export function readRecording(topic: string): Recording {
  return JSON.parse(readFileSync(fileOf(topic), 'utf8')) as Recording;
}

/** One answer a line. */
export function writeRecording(topic: string, version: string, answers: ReadonlyMap<string, Answer>): void {
  const lines = [...answers].map(([name, answer]) => `${JSON.stringify(name)}:${JSON.stringify(answer)}`);
  writeFileSync(fileOf(topic), `{"version":${JSON.stringify(version)},"answers":{\n${lines.join(',\n')}\n}}\n`);
}
