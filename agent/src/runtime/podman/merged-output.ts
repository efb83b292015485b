import type { Readable } from 'node:stream';
import type { StreamOutput } from '@flotilla/shared/protocol/stream-messages.js';

type Source = readonly [StreamOutput['channel'], Readable | null];
type Step = {
  readonly channel: StreamOutput['channel'];
  readonly iterator: AsyncIterator<Buffer>;
  readonly result: IteratorResult<Buffer>;
};

/** What several readables give, as it comes, no faster than it is taken; ends when all have ended. A broken one counts as ended. */
export async function* mergedOutput(sources: readonly Source[]): AsyncGenerator<StreamOutput> {
  const waiting = new Map<StreamOutput['channel'], Promise<Step>>();
  const next = (channel: StreamOutput['channel'], iterator: AsyncIterator<Buffer>): void => {
    const step = iterator.next().then(
      (result): Step => ({ channel, iterator, result }),
      (): Step => ({ channel, iterator, result: { done: true, value: undefined } }),
    );
    waiting.set(channel, step);
  };
  for (const [channel, readable] of sources) if (readable) next(channel, readable[Symbol.asyncIterator]());
  while (waiting.size > 0) {
    const { channel, iterator, result } = await Promise.race(waiting.values());
    waiting.delete(channel);
    if (result.done) continue;
    yield { channel, data: result.value };
    next(channel, iterator);
  }
}
