import { type NodeOperationAction, nodeOperationActions } from '@flotilla/shared/api/fleet/node-operation.js';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { describeError, type Logger } from '@flotilla/shared/log/logger.js';
import { linkLimits } from '@flotilla/shared/protocol/limits.js';
import {
  type OperationNote,
  type OperationReport,
  parseOperationOrder,
  type WaitingOperation,
} from '@flotilla/shared/protocol/operation-messages.js';
import type { DownKind } from '@flotilla/shared/protocol/topics.js';
import type { LinkChannel, LinkPart } from '#hublink/types.ts';
import type { JournalEntry, OperationJournal } from './operation-journal.ts';

/** Does it, and tells how it ended; undefined when it was given up with the signal: the next start of the agent finds out. */
export type Act = (operation: WaitingOperation, signal: AbortSignal) => Promise<OperationReport | undefined>;

export interface BoardOperationsOptions {
  readonly journal: OperationJournal;
  readonly acts: Readonly<Record<NodeOperationAction, Act>>;
  /** What this board does not do, whoever asks. */
  readonly denied: readonly NodeOperationAction[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What is sent with a session and a number of its own. */
type Note =
  | { readonly op: 'claim'; readonly uid: string }
  | { readonly op: 'report'; readonly uid: string; readonly report: OperationReport };

const answerMs = 30_000;
const againMs = 15_000;
/** How long the hub is given to hear that it begins. */
const runningMs = 5_000;
const afterFailureMs = 5_000;

/**
 * Does what operations ask of this board, one after another, each at most once.
 *
 * INVARIANTS: nothing is begun without the hub's answer to the newest claim of this very session; what is begun is in the journal before;
 * what is in the journal is not begun; an end is told until the hub acknowledged it.
 */
export class BoardOperations implements LinkPart {
  readonly kinds: readonly DownKind[] = ['operation'];
  readonly #options: BoardOperationsOptions;
  readonly #stop = new AbortController();
  #channel: LinkChannel | undefined;
  /** Aborted with the session. */
  #session = new AbortController();
  #bootId = '';
  #list = 0;
  #waiting: readonly WaitingOperation[] = [];
  #claims = 0;
  #reports = 0;
  /** What waits for an answer; there is never more than one. */
  #pending: { readonly op: 'claim' | 'report'; readonly number: number; readonly answered: (granted: boolean) => void } | undefined;
  #wake: () => void = () => {};

  constructor(options: BoardOperationsOptions) {
    this.#options = options;
  }

  /** Reads the journal and settles what the last run of the agent left open. @throws when it cannot be read */
  async start(bootId: string): Promise<void> {
    const { journal, logger } = this.#options;
    this.#bootId = bootId;
    await journal.load();
    for (const entry of journal.unended()) {
      const report = afterCrash(entry, bootId);
      logger.info('an operation was under way when the agent ended', { operation: entry.name, phase: report.phase });
      await journal.end(entry.uid, report).catch((error: unknown) => logger.warn('cannot write the journal of operations', { error }));
    }
    void this.#run();
  }

  /** What is under way goes on without us, or ends as Unknown at the next start. */
  stop(): void {
    this.#stop.abort(new Error('the agent stops'));
    this.#session.abort(this.#stop.signal.reason);
    this.#wake();
  }

  begin(channel: LinkChannel): void {
    this.#channel = channel;
    this.#session = new AbortController();
    this.#list = 0;
    this.#waiting = [];
    this.#claims = 0;
    this.#reports = 0;
    this.#wake();
  }

  end(): void {
    this.#channel = undefined;
    this.#waiting = [];
    this.#session.abort(new Error('the session with the hub ended'));
  }

  receive(_kind: DownKind, value: unknown, channel: LinkChannel): void {
    const order = parseOperationOrder(channel.open('operation', value));
    if (order.session !== channel.session) return;
    if (order.op === 'list') {
      if (order.number > this.#list) {
        this.#list = order.number;
        this.#waiting = order.operations;
        this.#wake();
      }
      void channel.send('operation', { session: channel.session, op: 'listed', number: order.number }).catch(() => {});
      return;
    }
    const op = order.op === 'answer' ? 'claim' : 'report';
    if (this.#pending?.op !== op || this.#pending.number !== order.number) return;
    if (order.op === 'answer' && !order.granted) this.#options.logger.info('an operation is not to be done', { why: order.message });
    this.#pending.answered(order.op === 'ack' || order.granted);
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#options;
    while (!this.#stop.signal.aborted) {
      const wake = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      try {
        if (!(await this.#step())) await wake;
      } catch (error) {
        if (this.#session.signal.aborted) continue;
        logger.warn('an operation could not be brought forward', { error });
        await clock.sleep('operations: again', afterFailureMs, this.#stop.signal).catch(() => {});
      }
    }
  }

  /** Does the next thing. False when there is nothing to do now. */
  async #step(): Promise<boolean> {
    const { journal, logger } = this.#options;
    if (!this.#channel) return false;
    const untold = journal.unacknowledged();
    if (untold) {
      await this.#tellEnd(untold);
      return true;
    }
    await journal.heard(this.#waiting);
    const [operation] = this.#waiting;
    if (!operation) return false;
    const known = journal.get(operation.uid);
    if (known) await this.#tellEnd(known);
    else {
      const refusal = this.#refusal(operation);
      if (refusal) {
        logger.warn('refused an operation', { operation: operation.name, why: refusal.message });
        await this.#tell(operation.uid, refusal);
        this.#drop(operation.uid);
      } else await this.#take(operation);
    }
    return true;
  }

  /** Why an operation that is not in the journal is not even asked for. */
  #refusal(operation: WaitingOperation): OperationReport | undefined {
    const { denied, journal } = this.#options;
    if (operation.begun || journal.mayHaveForgotten(operation))
      return { phase: 'Unknown', message: 'The board has no record of it any more; it may have been done and is not tried again.' };
    const action = actionOf(operation);
    if (!action) return { phase: 'Failed', message: `The agent of this board does not know the action ${operation.action}.` };
    if (denied.includes(action))
      return { phase: 'Failed', message: `The settings of this board do not allow the action ${action} (--deny-operations).` };
    return undefined;
  }

  async #take(operation: WaitingOperation): Promise<void> {
    const { acts, clock, journal, logger } = this.#options;
    const action = actionOf(operation);
    const granted = await this.#ask({ op: 'claim', uid: operation.uid }, answerMs, 'until answered');
    if (!granted || !action) return this.#drop(operation.uid);
    try {
      await journal.begin(operation, this.#bootId);
    } catch (error) {
      await this.#tell(operation.uid, { phase: 'Failed', message: prose(`The journal could not be written: ${describeError(error)}`) });
      return this.#drop(operation.uid);
    }
    logger.info('an operation begins', { operation: operation.name, action });
    const running: OperationReport = {
      phase: 'Running',
      message: `The board began at ${new Date(clock.wallMs()).toISOString()} by its clock.`,
    };
    await this.#ask({ op: 'report', uid: operation.uid, report: running }, runningMs, 'once').catch(() => {});
    const { signal } = this.#stop;
    if (signal.aborted) return;
    let report: OperationReport | undefined;
    try {
      report = await acts[action](operation, signal);
    } catch (error) {
      report = { phase: 'Unknown', message: prose(`It broke off, and nothing tells how far it came: ${describeError(error)}`) };
    }
    if (!report || signal.aborted) return;
    logger.info('an operation ended', { operation: operation.name, action, phase: report.phase });
    await journal.end(operation.uid, report).catch((error: unknown) => logger.warn('cannot write the journal of operations', { error }));
  }

  async #tellEnd(entry: JournalEntry): Promise<void> {
    const { journal, logger } = this.#options;
    const report = await journal.report(entry);
    if (report) await this.#tell(entry.uid, report);
    this.#drop(entry.uid);
    await journal.acknowledge(entry.uid).catch((error: unknown) => logger.warn('cannot write the journal of operations', { error }));
  }

  async #tell(uid: string, report: OperationReport): Promise<void> {
    await this.#ask({ op: 'report', uid, report }, againMs, 'until answered');
  }

  /** The hub's list was older than what was done since. */
  #drop(uid: string): void {
    this.#waiting = this.#waiting.filter((operation) => operation.uid !== uid);
  }

  /** Says it, each time anew under a number of its own, so that an answer belongs to the newest only. @throws when the session ends */
  async #ask(note: Note, withinMs: number, how: 'once' | 'until answered'): Promise<boolean> {
    const session = this.#session.signal;
    for (;;) {
      const channel = this.#channel;
      if (!channel || session.aborted) throw new Error('the hub is away');
      const number = note.op === 'claim' ? ++this.#claims : ++this.#reports;
      const answer = new Promise<boolean>((answered) => {
        this.#pending = { op: note.op, number, answered };
      });
      const patience = new AbortController();
      const given = AbortSignal.any([session, patience.signal]);
      const message: OperationNote = { session: channel.session, number, ...note };
      channel.send('operation', message).catch(() => {});
      const waited = this.#options.clock.sleep('operations: answer', withinMs, given).then(
        () => undefined,
        () => undefined,
      );
      const granted = await Promise.race([answer, waited]);
      patience.abort();
      this.#pending = undefined;
      if (granted !== undefined) return granted;
      if (session.aborted || how === 'once') throw new Error('the hub did not answer');
    }
  }
}

function actionOf({ action }: WaitingOperation): NodeOperationAction | undefined {
  return nodeOperationActions.find((known) => known === action);
}

/** How an operation ended in whose midst the agent did. */
function afterCrash({ action, bootId }: JournalEntry, nowBootId: string): OperationReport {
  if (action === 'Reboot' && bootId && nowBootId && bootId !== nowBootId)
    return { phase: 'Succeeded', message: 'The board has booted anew.', bootIdBefore: bootId, bootIdAfter: nowBootId };
  return {
    phase: 'Unknown',
    message: 'The agent ended after it had begun, and nothing tells whether it was done; it is not tried again.',
    ...(action === 'Reboot' && bootId ? { bootIdBefore: bootId } : {}),
  };
}

export function prose(text: string): string {
  return text.slice(0, linkLimits.proseBytes);
}
