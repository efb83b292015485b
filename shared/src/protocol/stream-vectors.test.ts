import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ProtocolError } from './protocol-error.ts';
import { parseStream } from './stream-messages.ts';

/** Read here, never written: the contract for agents in other languages. */
const vectors = JSON.parse(readFileSync(new URL('../../docs/vectors/streams.json', import.meta.url), 'utf8')) as {
  taken: object[];
  refused: object[];
};

test.for(vectors.taken)('taken: $op $id', (message) => expect(parseStream({ ...message, later: 1 })).toEqual(message));
test.for(vectors.refused)('refused: %j', (message) => expect(() => parseStream(message)).toThrow(ProtocolError));

test('a command has so many words, and so many bytes, and no more', () => {
  const wanted = { pod: { namespace: 'd', name: 'w', uid: 'u' }, container: 'c', stdin: true, stdout: true, stderr: true, tty: false };
  const open = (command: string[]) => ({ session: 1, op: 'open', id: 1, credit: 1, request: { kind: 'exec', command, ...wanted } });
  const words = (many: number) => Array.from({ length: many }, () => 'w');
  expect(parseStream(open(words(1024)))).toBeDefined();
  expect(() => parseStream(open(words(1025)))).toThrow(ProtocolError);
  expect(parseStream(open(['x'.repeat(128 * 1024)]))).toBeDefined();
  expect(() => parseStream(open(['x'.repeat(128 * 1024), 'y']))).toThrow(ProtocolError);
});
