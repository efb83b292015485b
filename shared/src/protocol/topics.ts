import { ProtocolError } from './protocol-error.ts';

/** What a board may send. */
const upKinds = [
  'hello',
  'report',
  'applied',
  'want',
  'token',
  'stream',
  'call',
  'operation',
  'lease',
  'recall',
  'log',
  'traffic',
  'refusal',
] as const;
/** What the hub may send. */
const downKinds = [
  'welcome',
  'ack',
  'manifest',
  'objects',
  'token',
  'stream',
  'operation',
  'update',
  'grant',
  'recall',
  'log',
  'traffic',
  'retry',
  'refusal',
] as const;
export type UpKind = (typeof upKinds)[number];
export type DownKind = (typeof downKinds)[number];

/** The first level of every topic; a new, incompatible framing gets a new one. */
const topicVersion = 'f1';

export interface TopicScope {
  readonly clusterId: string;
  readonly node: string;
}

export function upTopic({ clusterId, node }: TopicScope, kind: UpKind): string {
  return `${topicVersion}/${clusterId}/${node}/up/${kind}`;
}

export function downTopic({ clusterId, node }: TopicScope, kind: DownKind): string {
  return `${topicVersion}/${clusterId}/${node}/down/${kind}`;
}

/** The one filter a board subscribes to. */
export function downFilter({ clusterId, node }: TopicScope): string {
  return `${topicVersion}/${clusterId}/${node}/down/+`;
}

/** The kind of a message that this very board published. @throws ProtocolError when the topic is not its own */
export function upKindOf(scope: TopicScope, topic: string): UpKind {
  return kindOf(topic, `${topicVersion}/${scope.clusterId}/${scope.node}/up/`, upKinds);
}

/** The kind of a message meant for this very board. @throws ProtocolError */
export function downKindOf(scope: TopicScope, topic: string): DownKind {
  return kindOf(topic, `${topicVersion}/${scope.clusterId}/${scope.node}/down/`, downKinds);
}

function kindOf<K extends string>(topic: string, prefix: string, kinds: readonly K[]): K {
  const shown = JSON.stringify(topic.slice(0, 256));
  if (!topic.startsWith(prefix)) throw new ProtocolError('Forbidden', `topic ${shown} does not begin with ${JSON.stringify(prefix)}`);
  const kind = kinds.find((known) => known === topic.slice(prefix.length));
  if (!kind) throw new ProtocolError('Unsupported', `topic ${shown} names no kind of message known here`);
  return kind;
}
