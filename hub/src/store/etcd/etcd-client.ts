import { Etcd3, type IKeyValue, type IOptions } from 'etcd3';
import {
  CompactedError,
  FutureRevisionError,
  type KeyValue,
  type Revision,
  StoreUnavailableError,
  type ValueTransformer,
} from '../contract.ts';

export interface EtcdConnection {
  readonly endpoints: readonly string[];
  readonly credentials?: IOptions['credentials'];
  readonly auth?: IOptions['auth'];
}

type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>;

const never = (): { dispose(): void } => ({ dispose: () => {} });

/** Calls once. etcd3 would repeat what failed: a write whose answer was lost would happen twice. */
const callOnce = {
  onSuccess: never,
  onFailure: never,
  execute: async <T>(work: (context: { signal: AbortSignal }) => PromiseLike<T> | T): Promise<T> =>
    work({ signal: new AbortController().signal }),
  // The interface has a member that exists for its type only.
} as unknown as Policy;

const callTimeoutMs = 10_000;
const messageBytes = 1 << 30;

/** `deadlineMs` gives the wall clock's time, which gRPC's deadlines are made of. */
export function connect({ endpoints, credentials, auth }: EtcdConnection, wallMs: () => number): Etcd3 {
  return new Etcd3({
    hosts: [...endpoints],
    ...(credentials ? { credentials } : {}),
    ...(auth ? { auth } : {}),
    // The default of 4 MB is less than one page of a list.
    grpcOptions: {
      'grpc.max_receive_message_length': messageBytes,
      'grpc.max_send_message_length': messageBytes,
      'grpc.keepalive_time_ms': 10_000,
    },
    defaultCallOptions: (context) => (context.isStream ? {} : { deadline: wallMs() + callTimeoutMs }),
    faultHandling: { host: () => callOnce, global: callOnce },
  });
}

/** Where in etcd this store's keys lie. */
export class KeySpace {
  readonly epoch: Buffer;
  /** Written to see how far a watch has come. */
  readonly marker: Buffer;
  readonly all: { readonly key: Buffer; readonly range_end: Buffer };
  readonly #values: string;
  readonly #transformer: ValueTransformer | undefined;

  constructor(name: string, transformer: ValueTransformer | undefined) {
    this.epoch = Buffer.from(`${name}/epoch`);
    this.marker = Buffer.from(`${name}/marker`);
    this.all = rangeOf(Buffer.from(`${name}/`));
    this.#values = `${name}/values`;
    this.#transformer = transformer;
  }

  key(key: string): Buffer {
    return Buffer.from(this.#values + key);
  }

  range(prefix: string, after: string | undefined): { key: Buffer; range_end: Buffer } {
    const range = rangeOf(this.key(prefix));
    return after === undefined ? range : { ...range, key: Buffer.concat([this.key(after), Buffer.of(0)]) };
  }

  /** The key as the store's users know it; undefined for the store's own. */
  name(key: Buffer): string | undefined {
    const name = key.toString('utf8');
    return name.startsWith(this.#values) ? name.slice(this.#values.length) : undefined;
  }

  seal(key: string, value: string): Buffer {
    return Buffer.from(this.#transformer?.seal(key, value) ?? value);
  }

  keyValue(kv: IKeyValue | null | undefined): KeyValue | undefined {
    // Where nothing stood gRPC gives an empty message.
    if (!kv || kv.mod_revision === '0') return undefined;
    const key = this.name(kv.key) ?? '';
    const value = this.#transformer ? this.#transformer.open(key, kv.value) : kv.value.toString('utf8');
    return { key, value, revision: Number(kv.mod_revision), createRevision: Number(kv.create_revision) };
  }
}

/** From this prefix to the first key after all that begin with it. */
function rangeOf(prefix: Buffer): { key: Buffer; range_end: Buffer } {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end[last] = (end[last] ?? 0) + 1;
  return { key: prefix, range_end: end };
}

/** Turns etcd's words into the contract's errors. */
export function translate(error: unknown, asked: Revision, current: Revision, compacted: Revision): Error {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('required revision has been compacted')) return new CompactedError(compacted, { cause: error });
  if (message.includes('required revision is a future revision')) return new FutureRevisionError(asked, current);
  return new StoreUnavailableError(`etcd did not answer as it should: ${message}`, { cause: error });
}
