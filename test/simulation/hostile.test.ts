import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parsers } from './hostile-parsers.ts';

const protocol = resolve(import.meta.dirname, '../../shared/src/protocol');

it('every parser of the link is fed with poison', () => {
  const known = readFileSync(join(import.meta.dirname, 'hostile-parsers.ts'), 'utf8');
  const exported = globSync('*.ts', { cwd: protocol })
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) => [...readFileSync(join(protocol, file), 'utf8').matchAll(/^export function (parse\w+)\(value: unknown\)/gm)])
    .map(([, name = '']) => name);
  expect(exported.length).toBeGreaterThan(20);
  expect(exported.filter((name) => !new RegExp(`parse: ${name},`).test(known))).toEqual([]);
});

it.each(parsers.map(({ name, ...parser }) => [name, parser] as const))('a good %s is taken', (_name, parser) => {
  for (const good of parser.good) expect(() => parser.parse(good)).not.toThrow();
});
