import type { Clock } from '@flotilla/shared/clock/clock.js';
import { ConnectRefused, type DeviceIntroduction } from '@flotilla/shared/protocol/courier.js';
import { TokenBucket } from '@flotilla/shared/workqueue/token-bucket.js';
import { type Boards, brokerLimits, type DeviceIdentity, type DeviceSession, type Incident, sessionsPerIncarnation } from './types.ts';

/**
 * Who is connected, and who may connect.
 *
 * INVARIANTS
 * - At most one session per node; epochs only grow.
 * - A session is removed only under its own epoch: the end of an old one never touches the new one.
 * - The same key with the same or a fresh boot id takes over at once. A boot id that was superseded and comes back while its
 *   successor lives, or another machine's serial number, is a clone and stays out; the session that is there is not disturbed.
 */
export class SessionTable {
  readonly #clock: Clock;
  readonly #boards: Boards;
  readonly #live = new Map<string, DeviceSession>();
  readonly #histories = new Map<string, History>();
  #lastEpoch = 0;

  constructor(options: { clock: Clock; boards: Boards }) {
    this.#clock = options.clock;
    this.#boards = options.boards;
  }

  /** Epochs are derived from the incarnation and counted on, never from the wall clock: that may jump back. */
  begin(incarnation: number): void {
    this.#lastEpoch = Math.max(this.#lastEpoch, incarnation * sessionsPerIncarnation);
  }

  get(node: string): DeviceSession | undefined {
    return this.#live.get(node);
  }

  all(): DeviceSession[] {
    return [...this.#live.values()];
  }

  isLive(session: DeviceSession): boolean {
    return this.#live.get(session.node)?.epoch === session.epoch;
  }

  /** Whether this key is still that of the node: it may be revoked between CONNECT and its answer. */
  isEnrolled({ node, keyId }: DeviceIdentity): boolean {
    return this.#boards.get(node)?.keyId === keyId;
  }

  /** Refuses who may not connect now. @throws ConnectRefused */
  admit(identity: DeviceIdentity | undefined, introduction: DeviceIntroduction, report: (incident: Incident) => void): void {
    if (!identity) throw new ConnectRefused('unauthorized', 'no certificate of a board');
    const { node } = identity;
    const board = this.#boards.get(node);
    if (!board) throw new ConnectRefused('unauthorized', `node ${node} is not enrolled`);
    if (board.keyId !== identity.keyId) throw new ConnectRefused('unauthorized', `node ${node} is enrolled with another key`);
    if (
      !introduction.bootId ||
      introduction.bootId.length > brokerLimits.bootIdLength ||
      introduction.serial.length > brokerLimits.serialLength
    ) {
      throw new ConnectRefused('unauthorized', `node ${node} names no usable boot id`);
    }
    const history = this.#history(node);
    const nowMs = this.#clock.monotonicMs();
    const clone = this.#clone(board.serial, introduction, history, node);
    // Before the limit: what a clone does must not keep the honest board out.
    if (clone) {
      if (nowMs - history.reportedMs >= reportEveryMs) {
        history.reportedMs = nowMs;
        const moved = introduction.serial !== board.serial && board.serial !== '' && introduction.serial !== '' && !this.#live.has(node);
        report({ node, type: 'Cloned', message: clone, ...(moved ? { movedTo: introduction.serial } : {}) });
      }
      throw new ConnectRefused('quarantined', clone);
    }
    if (!history.bucket.take(nowMs)) {
      const message = `node ${node} connects too often`;
      if (nowMs - history.reportedMs >= reportEveryMs) {
        history.reportedMs = nowMs;
        report({ node, type: 'ConnectsTooOften', message });
      }
      throw new ConnectRefused('busy', message);
    }
  }

  /** Enters an admitted device. `previous` is the session it takes over: the caller ends it first. */
  open(
    identity: DeviceIdentity,
    introduction: DeviceIntroduction,
    transport: DeviceSession['transport'],
  ): { session: DeviceSession; previous: DeviceSession | undefined } {
    const { node } = identity;
    const previous = this.#live.get(node);
    const history = this.#history(node);
    if (history.bootId && history.bootId !== introduction.bootId) {
      history.superseded = [history.bootId, ...history.superseded.filter((bootId) => bootId !== introduction.bootId)].slice(0, 8);
      history.superseded = history.superseded.filter((bootId) => bootId !== introduction.bootId);
    }
    history.bootId = introduction.bootId;
    const connectedWallMs = Math.floor(this.#clock.wallMs());
    const session: DeviceSession = { ...identity, ...introduction, epoch: ++this.#lastEpoch, connectedWallMs, transport };
    this.#live.set(node, session);
    return { session, previous };
  }

  /** Compare-and-delete. @returns whether this very session was live */
  close(session: DeviceSession): boolean {
    const history = this.#histories.get(session.node);
    if (history && history.bootId === session.bootId) history.lastSeenMs = this.#clock.monotonicMs();
    return this.isLive(session) && this.#live.delete(session.node);
  }

  #clone(registeredSerial: string, { serial, bootId }: DeviceIntroduction, history: History, node: string): string | undefined {
    if (registeredSerial && serial && serial !== registeredSerial) {
      return `another machine (serial ${serial}) uses the identity of node ${node}, which is enrolled on the one with serial ${registeredSerial}`;
    }
    if (!history.superseded.includes(bootId)) return undefined;
    const successorLives = this.#live.has(node) || this.#clock.monotonicMs() - history.lastSeenMs < quarantineMs;
    return successorLives
      ? `two machines use the identity of node ${node}: boot id ${bootId} came back after ${history.bootId}`
      : undefined;
  }

  #history(node: string): History {
    let history = this.#histories.get(node);
    if (!history) {
      history = { bootId: '', superseded: [], lastSeenMs: -quarantineMs, reportedMs: -reportEveryMs, bucket: new TokenBucket(connects) };
      this.#histories.set(node, history);
    }
    return history;
  }
}

/** How long after its successor was last seen a superseded boot id stays out. */
const quarantineMs = 10 * 60_000;
/** A clone that goes on knocking is told of so often. */
const reportEveryMs = 10_000;

const connects = { perSecond: brokerLimits.connectsPerSecond, burst: brokerLimits.connectBurst };

/** Kept per enrolled node, not per connection. */
interface History {
  /** The newest. */
  bootId: string;
  superseded: string[];
  lastSeenMs: number;
  reportedMs: number;
  readonly bucket: TokenBucket;
}
