import type { Pod } from '@flotilla/shared/api/generated/types.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { type KeptLogAck, type KeptLogMessage, parseKeptLog } from '@flotilla/shared/protocol/log-messages.js';
import type { LogOptions } from '@flotilla/shared/protocol/log-options.js';
import type { UpKind } from '@flotilla/shared/protocol/topics.js';
import type { Client } from '#client/types.ts';
import type { NodeChannel, NodePart } from '../node-part.ts';
import { KeptLogDisk } from './kept-log-disk.ts';
import { keptLogText } from './kept-log-text.ts';

export interface KeptLogsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where they are kept; without it nothing is. */
  readonly disk: { readonly files: Files; readonly dir: string } | undefined;
  readonly totalBytes?: number;
  readonly boardBytes?: number;
}

/**
 * The logs of failed containers that boards sent: what `kubectl logs` answers while a board is away. On this hub's disk, until their pod
 * is deleted or the bounds are reached.
 */
export class KeptLogs implements NodePart {
  readonly kinds: readonly UpKind[] = ['log'];
  readonly #options: KeptLogsOptions;
  readonly #disk: KeptLogDisk | undefined;
  #watch: { stop(): void } | undefined;

  constructor(options: KeptLogsOptions) {
    this.#options = options;
    const { disk, totalBytes, boardBytes } = options;
    const bounds = { ...(totalBytes === undefined ? {} : { totalBytes }), ...(boardBytes === undefined ? {} : { boardBytes }) };
    this.#disk = disk && new KeptLogDisk({ ...disk, ...bounds });
  }

  /**
   * Once the informers are filled. Never throws because of what is on disk.
   * @param options.recovering pods that this hub does not know may come back with their boards: what is kept of them stays
   */
  async start(options: { readonly recovering: boolean }): Promise<void> {
    const { client, logger } = this.#options;
    const pods = client.informer<Pod>('', 'pods');
    try {
      const uids = new Set(pods.list().map(({ metadata }) => metadata?.uid ?? ''));
      await this.#disk?.load((uid) => options.recovering || uids.has(uid));
    } catch (error) {
      logger.warn('cannot read the logs that were kept', { error });
    }
    this.#watch = pods.on({
      deleted: ({ metadata, spec }) => {
        this.#disk?.forgetPod(spec?.nodeName ?? '', metadata?.uid ?? '').catch((error: unknown) => {
          logger.warn('cannot remove the logs of a pod that is gone', { pod: metadata?.name, namespace: metadata?.namespace, error });
        });
      },
    });
  }

  stop(): void {
    this.#watch?.stop();
  }

  receive(_kind: UpKind, value: unknown, channel: NodeChannel): void {
    const message = parseKeptLog(value);
    if (message.session !== channel.device.epoch) return;
    void this.#take(message, channel);
  }

  /** Text as the options ask for it, and when the hub got it; undefined when nothing is kept of this container. */
  async read(
    node: string,
    containerId: string,
    options: LogOptions,
  ): Promise<{ readonly text: Buffer; readonly sentMs: number } | undefined> {
    const kept = await this.#disk?.read(node, containerId).catch((error: unknown) => {
      this.#options.logger.warn('cannot read a log that was kept', { node, error });
      return undefined;
    });
    if (!kept) return undefined;
    return { text: keptLogText(Buffer.from(kept.log, 'base64'), options, this.#options.clock.wallMs()), sentMs: kept.sentMs };
  }

  /** Without an acknowledgement it comes again. */
  async #take({ pod: { namespace, name, uid }, container, containerId, log }: KeptLogMessage, channel: NodeChannel): Promise<void> {
    const { client, clock, logger } = this.#options;
    const { node, epoch } = channel.device;
    const pod = client.informer<Pod>('', 'pods').get(`${namespace}/${name}`);
    const own = pod?.metadata?.uid === uid && pod.spec?.nodeName === node;
    const { containers = [], initContainers = [], ephemeralContainers = [] } = pod?.spec ?? {};
    const known = [...containers, ...initContainers, ...ephemeralContainers].some((other) => other.name === container);
    try {
      // Of a pod that is gone, or was never this board's, nothing is kept; the board need not ask again.
      if (own && known) await this.#disk?.save({ node, uid, container, containerId, sentMs: clock.wallMs(), log });
      await channel.send('log', { session: epoch, containerId } satisfies KeptLogAck);
    } catch (error) {
      logger.warn('cannot keep the log of a container', { node, pod: name, namespace, container, error });
    }
  }
}
