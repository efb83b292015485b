import { rebindAnnotation } from '@flotilla/shared/api/rebind-policy.js';
import { type Clock, kubeTime } from '@flotilla/shared/clock/clock.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Client, EventRecorder } from '#client/types.ts';
import type { NodeChannel, NodePart } from '../node-part.ts';
import type { Condition, Node } from '../objects.ts';
import type { BoardDirectory } from './board-directory.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** The Node's condition while its key stands on a machine that nobody approved. */
const pendingRebind = 'PendingRebind';

export interface MovedBoardsOptions {
  readonly client: Client;
  readonly boards: Pick<BoardDirectory, 'get' | 'put'>;
  readonly room: WaitingRoom;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Boards whose card was put into another machine: they run their pods on and stay out of the link until somebody approves the machine
 * (`flotilla node approve`), or the annotation of the Node does. The registered machine that comes back ends it.
 */
export class MovedBoards implements NodePart {
  readonly kinds = [];
  readonly #options: MovedBoardsOptions;

  constructor(options: MovedBoardsOptions) {
    this.#options = options;
  }

  /** The key of a node that is away was shown by a machine with this serial number. Never throws. */
  async moved(node: string, serial: string): Promise<void> {
    const { boards, client, events, room, logger } = this.#options;
    const board = boards.get(node);
    if (!board) return;
    const object = client.informer<Node>('', 'nodes').get(node);
    const approved = object?.metadata?.annotations?.[rebindAnnotation] === 'Approve';
    const reason = `its card is in a machine with serial ${serial}; it is enrolled on the one with serial ${board.serial}`;
    try {
      if (approved) {
        await boards.put({ ...board, serial });
        events.event(object, 'Normal', 'BoardApproved', `The annotation ${rebindAnnotation} approved it: ${reason}`);
        return;
      }
      const entry = await room.enter({ node, keyId: board.keyId, serial, address: '', reason, kind: 'moved' });
      if (entry.deniedBy === '') await this.#setCondition(node, reason);
    } catch (error) {
      // No room: the board stays out all the same.
      logger.info('a board on another machine was not entered as waiting', { node, serial, error });
    }
  }

  /** What became of it. */
  async settled(node: string): Promise<void> {
    await this.#setCondition(node, undefined);
  }

  /** The machine that is registered speaks: nothing is pending. */
  begin({ device: { node } }: NodeChannel): void {
    const { room, logger } = this.#options;
    const entries = room.list().filter((entry) => entry.kind === 'moved' && entry.node === node);
    if (entries.length === 0) return;
    const settle = async (): Promise<void> => {
      for (const entry of entries) await room.leave(entry);
      await this.settled(node);
    };
    settle().catch((error: unknown) => logger.warn('could not end a pending rebind', { node, error }));
  }

  receive(): void {
    // It has no kinds of messages.
  }

  async #setCondition(name: string, message: string | undefined): Promise<void> {
    const nodes = this.#options.client.resource<Node>('', 'nodes');
    const now = kubeTime(this.#options.clock.wallMs());
    try {
      await nodes.updateStatus('', name, (node) => {
        const known = node.status?.conditions ?? [];
        const others = known.filter(({ type }) => type !== pendingRebind);
        const was = known.find(({ type }) => type === pendingRebind) as (Condition & { readonly message?: string }) | undefined;
        if (was?.message === message) return node;
        const pending = {
          type: pendingRebind,
          status: 'True',
          reason: 'HardwareChanged',
          message,
          lastTransitionTime: now,
          lastHeartbeatTime: now,
        };
        return { ...node, status: { ...node.status, conditions: message === undefined ? others : [...others, pending] } };
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
