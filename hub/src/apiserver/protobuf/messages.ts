import { fieldNumbers } from './field-numbers.ts';

export interface Field {
  readonly number: number;
  /** The JSON name; `.` for one whose fields stand in the message around it. */
  readonly name: string;
  /** Whether a zero value says something. */
  readonly pointer: boolean;
  readonly shape: 'one' | 'list' | 'map';
  readonly type: ScalarType | 'message';
  /** Of `message`; made when first asked for, because messages hold themselves. */
  readonly message: () => Message;
}

export type ScalarType =
  | 'text'
  | 'int32'
  | 'int64'
  | 'boolean'
  | 'bytes'
  | 'time'
  | 'microTime'
  | 'quantity'
  | 'intOrText'
  | 'json'
  | 'raw'
  | 'texts';

export interface Message {
  /** Without its group. */
  readonly name: string;
  readonly byNumber: ReadonlyMap<number, Field>;
  /** By their numbers, highest first: the order in which they are written. */
  readonly backwards: readonly Field[];
}

const types: Readonly<Record<string, ScalarType>> = {
  s: 'text',
  i: 'int32',
  l: 'int64',
  b: 'boolean',
  y: 'bytes',
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

/** The message of an object; undefined for a kind that is not in the table. */
export function messageOf(apiVersion: string, kind: string): Message | undefined {
  const [version, group = ''] = apiVersion.split('/').reverse();
  if (kind === 'DeleteOptions') return messageNamed('meta.DeleteOptions');
  if (apiVersion === 'v1' && kind === 'Status') return messageNamed('meta.Status');
  if (version !== 'v1') return undefined;
  const home = group === '' ? 'core' : group === 'meta.k8s.io' ? 'meta' : (group.split('.', 1)[0] ?? '');
  return messageNamed(`${home}.${kind}`) ?? (kind.endsWith('List') ? listOf(`${home}.${kind.slice(0, -'List'.length)}`) : undefined);
}

/** Every list has the same fields. */
function listOf(item: string): Message | undefined {
  if (!messageNamed(item)) return undefined;
  return messageFrom(`${item}List`, ['metadata=1:meta.ListMeta', `items=2*:${item}`]);
}

/** A message by `group.Message`; undefined when it is not in the table. Read from its line when first asked for. */
export function messageNamed(name: string): Message | undefined {
  const known = parsed.get(name);
  if (known) return known;
  lines ??= new Map(fieldNumbers.split('\n').map((line) => [line.slice(0, line.indexOf(' ')), line]));
  const line = name === '' ? undefined : lines.get(name);
  if (!line) return undefined;
  const message = messageFrom(name, line.split(' ').slice(1));
  parsed.set(name, message);
  return message;
}

function messageFrom(full: string, texts: readonly string[]): Message {
  const [group = '', name = ''] = full.split('.');
  const fields = texts.map((text) => parseField(text, group));
  return { name, byNumber: new Map(fields.map((field) => [field.number, field])), backwards: fields.reverse() };
}

function parseField(text: string, group: string): Field {
  const match = /^([^?=]+)(\??)=(\d+)([*%]?)(?::(\S+)|([a-z]))$/.exec(text);
  const [, name = '', pointer, number, shape, reference = '', letter = ''] = match ?? [];
  const type = reference ? 'message' : types[letter];
  if (!type) throw new Error(`the table of field numbers has ${JSON.stringify(text)}`);
  const full = reference.includes('.') ? reference : `${group}.${reference}`;
  let message: Message | undefined;
  return {
    number: Number(number),
    name,
    pointer: pointer === '?',
    shape: shape === '*' ? 'list' : shape === '%' ? 'map' : 'one',
    type,
    message: () => {
      message ??= messageNamed(full);
      if (!message) throw new Error(`the table of field numbers has no ${full}`);
      return message;
    },
  };
}
