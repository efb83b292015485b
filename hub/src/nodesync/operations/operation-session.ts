import type { NodeOperation } from '@flotilla/shared/api/fleet/node-operation.js';
import {
  claimOperation,
  isOperationFinished,
  operationExpiryMs,
  phaseOf,
  withdrawn,
} from '@flotilla/shared/api/fleet/node-operation-status.js';
import { type Clock, kubeTime, type Timer } from '@flotilla/shared/clock/clock.js';
import { isNotFound } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import { canonicalJson } from '@flotilla/shared/protocol/canonical-json.js';
import {
  type OperationNote,
  type OperationOrder,
  type OperationReport,
  operationLimits,
  type WaitingOperation,
} from '@flotilla/shared/protocol/operation-messages.js';
import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import type { Client } from '#client/types.ts';
import type { NodeChannel } from '../node-part.ts';

export interface OperationSessionOptions {
  readonly channel: NodeChannel;
  /** Of this node, as the API has them now. */
  readonly operations: () => readonly NodeOperation[];
  /** Writes as this node. */
  readonly client: Pick<Client, 'resource'>;
  /** Takes what the board reported into the API. Resolves when it is committed, or nothing is left to write. */
  readonly report: (uid: string, report: OperationReport) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const againMs = 15_000;
/** Messages of one board that wait for their turn. */
const mostWaiting = 32;

/**
 * What one session tells its board of operations, and takes from it.
 *
 * INVARIANTS: a board is allowed to begin only after `Delivered` is committed; a claim that is older than one that was answered says
 * nothing; claims and reports are dealt with one after another.
 */
export class OperationSession {
  readonly #options: OperationSessionOptions;
  #list: { readonly number: number; readonly content: string } | undefined;
  #again: Timer | undefined;
  #claims = 0;
  #reports = 0;
  #waiting = 0;
  #tail: Promise<void> = Promise.resolve();
  #over = false;

  constructor(options: OperationSessionOptions) {
    this.#options = options;
  }

  get epoch(): number {
    return this.#options.channel.device.epoch;
  }

  end(): void {
    this.#over = true;
    this.#again?.cancel();
  }

  /** Tells the board when what waits for it is not what it was told last. A board for which nothing ever waited hears nothing. */
  changed(): void {
    if (this.#over) return;
    const { clock, operations } = this.#options;
    const list = operations()
      .filter((operation) => waits(operation, clock.wallMs()))
      .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
      .slice(0, operationLimits.listed)
      .map(listed);
    const content = canonicalJson(list);
    if (content === (this.#list?.content ?? '[]')) return;
    this.#list = { number: (this.#list?.number ?? 0) + 1, content };
    this.#sendList(list);
  }

  /** @throws ProtocolError Busy */
  receive(note: OperationNote): void {
    if (this.#over || note.session !== this.epoch) return;
    if (note.op === 'listed') {
      if (note.number === this.#list?.number) this.#again?.cancel();
      return;
    }
    if (this.#waiting >= mostWaiting) throw new ProtocolError('Busy', `${mostWaiting} messages about operations wait already`);
    this.#waiting++;
    this.#tail = this.#tail
      .then(() => (note.op === 'claim' ? this.#claim(note) : this.#report(note)))
      // Without an answer the board says it again.
      .catch((error: unknown) => this.#options.logger.warn('could not take what a board said of an operation', { op: note.op, error }))
      .finally(() => {
        this.#waiting--;
      });
  }

  async #claim({ number, uid }: Extract<OperationNote, { op: 'claim' }>): Promise<void> {
    if (number <= this.#claims || this.#over) return;
    this.#claims = number;
    const { client, clock, operations } = this.#options;
    const name = operations().find(({ metadata }) => metadata?.uid === uid)?.metadata?.name;
    let answer = { granted: false, message: 'it was withdrawn' };
    if (name !== undefined) {
      const node = this.#options.channel.device.node;
      const written = client.resource<NodeOperation>('fleet.flotilla.dev', 'nodeoperations').updateStatus('', name, (latest) => {
        answer = { granted: false, message: 'it was withdrawn' };
        if (latest.metadata?.uid !== uid || latest.spec.nodeName !== node) return latest;
        const nowMs = clock.wallMs();
        const { operation, granted, message } = claimOperation(latest, { nowMs, time: kubeTime(nowMs) });
        answer = { granted, message };
        return operation;
      });
      await written.catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
        answer = { granted: false, message: 'it was withdrawn' };
      });
    }
    this.#send({ session: this.epoch, op: 'answer', number, ...answer });
  }

  async #report({ number, uid, report }: Extract<OperationNote, { op: 'report' }>): Promise<void> {
    if (number > this.#reports) {
      await this.#options.report(uid, report);
      this.#reports = number;
    }
    this.#send({ session: this.epoch, op: 'ack', number });
  }

  #sendList(operations: readonly WaitingOperation[]): void {
    const number = this.#list?.number ?? 0;
    this.#again?.cancel();
    this.#send({ session: this.epoch, op: 'list', number, operations });
    this.#again = this.#options.clock.after('nodesync: operations again', againMs, () => this.#sendList(operations));
  }

  #send(order: OperationOrder): void {
    if (this.#over) return;
    const { channel, logger } = this.#options;
    channel.send('operation', channel.seal('operation', order)).catch((error: unknown) => {
      if (!this.#over) logger.debug('could not send', { kind: 'operation', op: order.op, error });
    });
  }
}

function waits(operation: NodeOperation, nowMs: number): boolean {
  if (isOperationFinished(operation)) return false;
  const pending = phaseOf(operation) === 'Pending';
  return !pending || (!withdrawn(operation, nowMs) && !operation.metadata?.deletionTimestamp && operationExpiryMs(operation) > nowMs);
}

/** The older first. */
function orderOf({ metadata }: NodeOperation): string {
  return `${metadata?.creationTimestamp ?? ''} ${metadata?.name ?? ''}`;
}

function listed({ metadata, spec, status }: NodeOperation): WaitingOperation {
  return {
    uid: metadata?.uid ?? '',
    name: metadata?.name ?? '',
    action: spec.action,
    ...(spec.pod ? { pod: spec.pod } : {}),
    createdWallMs: Date.parse(metadata?.creationTimestamp ?? '') || 0,
    begun: status?.phase === 'Running',
  };
}
