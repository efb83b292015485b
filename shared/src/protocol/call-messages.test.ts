import { expect, test } from 'vitest';
import { parseCall } from './call-messages.ts';
import { ProtocolError } from './protocol-error.ts';
import { parseStream } from './stream-messages.ts';

test('a call names its session and itself', () => {
  expect(parseCall({ session: 3, call: 1, later: 1 })).toEqual({ session: 3, call: 1 });
  for (const wrong of [{}, { session: 3 }, { session: 3, call: 0 }, { session: 3, call: '1' }, { session: 3, call: 1.5 }, []])
    expect(() => parseCall(wrong)).toThrow(ProtocolError);
});

test('the hub answers with a stream of its number', () => {
  const open = { session: 3, id: 9, op: 'open', credit: 1, request: { kind: 'api', call: 1 } };
  expect(parseStream(open)).toEqual(open);
  expect(() => parseStream({ ...open, request: { kind: 'api', call: 0 } })).toThrow(ProtocolError);
});
