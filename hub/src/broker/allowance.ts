import { TokenBucket } from '@flotilla/shared/workqueue/token-bucket.js';
import { brokerLimits } from './types.ts';

/** What a board's excess comes to: read on, wait, tell of it once, or hang up. */
export interface Verdict {
  /** Nothing more is read for so long. */
  readonly pauseMs: number;
  /** It has been too much for so long that somebody should know: once per excess. */
  readonly report: boolean;
  /** It has been too much for longer than a hub bears. */
  readonly over: boolean;
}

const fine: Verdict = { pauseMs: 0, report: false, over: false };

/**
 * How much one board may send: messages and bytes, so many at once and so many a second. What is too much is not thrown away: the hub
 * reads slower, and the board's own line holds it back. What the hub asked for (credit of streams, pages) does not count.
 */
export class Allowance {
  readonly #messages = new TokenBucket({ perSecond: brokerLimits.messagesPerSecond, burst: brokerLimits.messageBurst });
  readonly #bytes = new TokenBucket({ perSecond: brokerLimits.bytesPerSecond, burst: brokerLimits.byteBurst });
  /** Since when it is held back without a pause; and when it last had to wait. */
  #sinceMs: number | undefined;
  #pausedUntilMs = 0;
  #reported = false;

  /** @param nowMs monotonic */
  read(nowMs: number, { bytes, messages }: { readonly bytes: number; readonly messages: number }): Verdict {
    const owedMs = Math.max(this.#messages.spend(nowMs, messages), this.#bytes.spend(nowMs, bytes));
    const pauseMs = Math.min(owedMs, brokerLimits.longestPauseMs);
    // Who sends nothing for a moment after a pause has stopped overdoing it.
    if (this.#sinceMs !== undefined && nowMs > this.#pausedUntilMs + brokerLimits.excessEndsMs) {
      this.#sinceMs = undefined;
      this.#reported = false;
    }
    if (pauseMs === 0) return fine;
    this.#sinceMs ??= nowMs;
    this.#pausedUntilMs = nowMs + pauseMs;
    const lastsMs = nowMs - this.#sinceMs;
    const report = !this.#reported && lastsMs >= brokerLimits.excessReportedMs;
    this.#reported ||= report;
    return { pauseMs, report, over: lastsMs >= brokerLimits.excessEndedMs };
  }

  /** What was read was refused: it is paid for with the next pause. */
  charge(nowMs: number): void {
    this.#messages.spend(nowMs, brokerLimits.refusedAsMessages - 1);
  }

  /** So many bytes were asked for, in messages of any size down to a few dozen bytes. */
  expect(bytes: number): void {
    this.#bytes.give(bytes);
    this.#messages.give(Math.ceil(bytes / smallestFrameBytes));
  }
}

const smallestFrameBytes = 64;
