import { fieldNumbers } from './field-numbers.ts';

export interface Field {
  /** The JSON name; `.` for one whose fields stand in the message around it. */
  readonly name: string;
  /** Whether a zero value says something. */
  readonly pointer: boolean;
  readonly shape: 'one' | 'list' | 'map';
  readonly type: ScalarType | 'message';
  /** The message's name, for `message`. */
  readonly message: string;
}

export type ScalarType =
  | 'text'
  | 'integer'
  | 'boolean'
  | 'bytes'
  | 'double'
  | 'time'
  | 'microTime'
  | 'quantity'
  | 'intOrText'
  | 'json'
  | 'raw'
  | 'texts';

export type Message = ReadonlyMap<number, Field>;

const types: Readonly<Record<string, ScalarType>> = {
  s: 'text',
  i: 'integer',
  b: 'boolean',
  y: 'bytes',
  d: 'double',
  t: 'time',
  u: 'microTime',
  q: 'quantity',
  o: 'intOrText',
  j: 'json',
  r: 'raw',
  v: 'texts',
};

let lines: Map<string, string> | undefined;
const parsed = new Map<string, Message>();

/** A message by `group.Message`; undefined when it is not in the table. Read from its line when first asked for. */
export function messageNamed(name: string): Message | undefined {
  const known = parsed.get(name);
  if (known) return known;
  lines ??= new Map(fieldNumbers.split('\n').map((line) => [line.slice(0, line.indexOf(' ')), line]));
  const line = lines.get(name);
  if (!line) return undefined;
  const group = name.slice(0, name.indexOf('.'));
  const message = new Map(
    line
      .split(' ')
      .slice(1)
      .map((text) => parseField(text, group)),
  );
  parsed.set(name, message);
  return message;
}

function parseField(text: string, group: string): [number, Field] {
  const match = /^([^?=]+)(\??)=(\d+)([*%]?)(?::(\S+)|([a-z]))$/.exec(text);
  if (!match) throw new Error(`the table of field numbers has ${JSON.stringify(text)}`);
  const [, name = '', pointer, number, shape, reference, letter = ''] = match;
  const field: Field = {
    name,
    pointer: pointer === '?',
    shape: shape === '*' ? 'list' : shape === '%' ? 'map' : 'one',
    type: reference ? 'message' : (types[letter] ?? 'text'),
    message: reference ? (reference.includes('.') ? reference : `${group}.${reference}`) : '',
  };
  return [Number(number), field];
}
