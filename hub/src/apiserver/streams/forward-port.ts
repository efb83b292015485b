import type { NodeConnector } from '#registry/generic/types.ts';
import type { PodTarget } from './pod-target.ts';

/** One connection that a client wants carried to a port. */
export interface ForwardClient {
  readonly input: AsyncIterable<Buffer>;
  /** Resolves when there is room for more; rejects when the client is gone. */
  write(data: Buffer): Promise<void>;
  /** The pod sends no more; with what went wrong, if anything did. */
  end(error?: string): void;
}

export interface ForwardPortOptions {
  readonly connector: NodeConnector;
  readonly target: PodTarget;
  readonly port: number;
  readonly client: ForwardClient;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

/** Carries bytes between a client and a port of a pod until the pod has said all and the client too, or either is gone. Never rejects. */
export async function forwardPort({ connector, target, port, client, signal }: ForwardPortOptions): Promise<void> {
  const over = new AbortController();
  const abort = (): void => over.abort();
  if (signal.aborted) return;
  signal.addEventListener('abort', abort, { once: true });
  const { reference, node } = target;
  const stream = connector.open(node, { kind: 'forward', pod: reference, port }, over.signal);
  const done = stream.result.then(
    () => undefined,
    (error: unknown) => words(error),
  );
  const fed = feed(client.input, stream);
  try {
    await stream.opened;
    for await (const { data } of stream.output) await client.write(data);
    client.end();
    // A pod that has closed its side may still listen.
    await Promise.race([fed, done]);
  } catch (error) {
    client.end(`error forwarding port ${port} to pod ${reference.name}, uid ${reference.uid}: ${words(error)}`);
  } finally {
    signal.removeEventListener('abort', abort);
    over.abort();
  }
}

async function feed(input: AsyncIterable<Buffer>, stream: ReturnType<NodeConnector['open']>): Promise<void> {
  try {
    await stream.opened;
    for await (const data of input) await stream.write(data);
    stream.end();
  } catch {
    // Either end is gone: who reads the output learns why.
  }
}

const words = (error: unknown): string => (error instanceof Error ? error.message : 'unknown');
