import type { Clock } from '@flotilla/shared/clock/clock.js';
import { badRequest, StatusError } from '@flotilla/shared/errors/status.js';
import type { UpgradeOffer } from '../exchange.ts';
import type { CommandClient, Outcome, TerminalSize } from './command-client.ts';
import { SpdyConnection } from './spdy/spdy-connection.ts';
import type { SpdyStream } from './spdy/spdy-stream.ts';
import { TerminalSizes } from './terminal-sizes.ts';

const commandVersions = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];
/** How long a client may take to open its streams (the kubelet's `DefaultStreamCreationTimeout`). */
const streamsDeadlineMs = 30_000;

interface Wanted {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** The version of a protocol that both know, in the client's order. @throws StatusError BadRequest or Forbidden */
export function chosenVersion(header: string | undefined, served: readonly string[]): string {
  const offered = (header ?? '').split(',').flatMap((name) => name.trim() || []);
  if (offered.length === 0) throw badRequest('unable to upgrade: X-Stream-Protocol-Version is required');
  const chosen = offered.find((name) => served.includes(name));
  if (chosen !== undefined) return chosen;
  const why = `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${served.join(' ')}]`;
  throw new StatusError(403, 'Forbidden', why, {});
}

export interface SpdyCommandOptions {
  readonly offer: UpgradeOffer;
  /** `X-Stream-Protocol-Version` */
  readonly versions: string | undefined;
  readonly wanted: Wanted;
  readonly clock: Clock;
  /** The client broke a rule or a bound: the connection ends. */
  broke(why: string): void;
}

/** exec and attach over SPDY. @throws StatusError when no version fits */
export function spdyCommand({ offer, versions, wanted, clock, broke }: SpdyCommandOptions): () => Promise<CommandClient> {
  const version = chosenVersion(versions, commandVersions);
  return async () => {
    const socket = offer.accept({ Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': version });
    const complete = Promise.withResolvers<void>();
    const streams = new Map<string, SpdyStream>();
    const expected = expectedStreams(wanted, version);
    const connection = new SpdyConnection({
      socket,
      clock,
      broke,
      opened(stream) {
        const type = stream.headers.get('streamtype') ?? '';
        if (!expected.has(type) || streams.has(type)) throw new Error(`there is no stream of type ${type} to open`);
        streams.set(type, stream);
        // From the others nothing is expected.
        if (type !== 'stdin' && type !== 'resize') stream.input.drop();
        if (streams.size === expected.size) complete.resolve();
      },
    });
    void connection.run();
    const late = clock.after('spdy-streams', streamsDeadlineMs, () => complete.reject(new Error('the streams did not come in time')));
    connection.gone.addEventListener('abort', () => complete.resolve(), { once: true });
    try {
      await complete.promise;
    } catch {
      socket.destroy();
    } finally {
      late.cancel();
    }
    return new SpdyCommand(connection, streams, version);
  };
}

function expectedStreams({ stdin, stdout, stderr, tty }: Wanted, version: string): ReadonlySet<string> {
  const resize = tty && (version.startsWith('v4') || version.startsWith('v3'));
  return new Set([
    'error',
    ...(stdin ? ['stdin'] : []),
    ...(stdout ? ['stdout'] : []),
    ...(stderr ? ['stderr'] : []),
    ...(resize ? ['resize'] : []),
  ]);
}

class SpdyCommand implements CommandClient {
  readonly #connection: SpdyConnection;
  readonly #streams: ReadonlyMap<string, SpdyStream>;
  readonly #version: string;
  readonly #sizes = new TerminalSizes();

  constructor(connection: SpdyConnection, streams: ReadonlyMap<string, SpdyStream>, version: string) {
    this.#connection = connection;
    this.#streams = streams;
    this.#version = version;
    void this.#readSizes();
  }

  get gone(): AbortSignal {
    return this.#connection.gone;
  }

  get stdin(): AsyncIterable<Buffer> {
    return this.#streams.get('stdin')?.input ?? nothing();
  }

  onResize(resized: (size: TerminalSize) => void): void {
    this.#sizes.listen(resized);
  }

  async write(channel: 1 | 2, data: Buffer): Promise<void> {
    await this.#streams.get(channel === 1 ? 'stdout' : 'stderr')?.write(data);
  }

  async finish({ status, text }: Outcome): Promise<void> {
    this.#streams.get('stdin')?.input.drop();
    const word = this.#version.startsWith('v4') ? JSON.stringify(status) : text;
    if (word !== '')
      await this.#streams
        .get('error')
        ?.write(Buffer.from(word))
        .catch(() => {});
    await this.#connection.close();
  }

  async #readSizes(): Promise<void> {
    try {
      for await (const data of this.#streams.get('resize')?.input ?? nothing()) this.#sizes.push(data);
    } catch {
      // The client is gone; others tell it.
    }
  }
}

async function* nothing(): AsyncGenerator<Buffer> {}
