import type { Pod } from '@flotilla/shared/api/generated/types.js';
import { leaseOf } from '@flotilla/shared/api/offline-policy.js';
import type { Clock, Timer } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { type LeaseRequest, parseLeaseGrant } from '@flotilla/shared/protocol/lease-messages.js';
import type { DownKind } from '@flotilla/shared/protocol/topics.js';
import type { LinkChannel, LinkPart } from '#hublink/types.ts';
import type { Runtime, SandboxState } from '#runtime/types.ts';
import { BoardLease } from './board-lease.ts';
import { isPodCgroup } from './pod-cgroup.ts';
import type { LeaseGuard, Permit } from './types.ts';

export interface PodLeasesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly logger: Logger;
  readonly runtime: Pick<Runtime, 'cgroupOf'>;
  /** In memory, not on flash; shared with the guard. */
  readonly dir: string;
  readonly guard: LeaseGuard;
  /** The pods of the manifest. */
  readonly pods: () => Iterable<Pod>;
  /** What a pod may do has changed. */
  readonly changed: (uid: string) => void;
}

const bootIdFile = '/proc/sys/kernel/random/boot_id';
/** How soon a pod that may not run is asked for again. */
const askAgainMs = 5_000;
/** A lease is renewed when a third of it is gone, so that two requests may be lost. */
const renewals = 3;
/** How often the guard is looked after. */
const guardMs = 10_000;

/**
 * Which pods of this board may run now: all but those that stop with their lease, when it is over. One request renews them all; a board
 * without such pods asks for nothing. What was granted is kept in memory alone, where the next agent of the same boot finds it.
 */
export class PodLeases implements LinkPart {
  readonly kinds: readonly DownKind[] = ['grant'];
  readonly #options: PodLeasesOptions;
  #lease = new BoardLease('');
  #channel: LinkChannel | undefined;
  #askTimer: Timer | undefined;
  #guardTimer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: PodLeasesOptions) {
    this.#options = options;
  }

  /** Takes over what an agent before this one was granted in this boot. */
  async start(): Promise<void> {
    const { files, dir } = this.#options;
    const bootId = (await files.readText(bootIdFile))?.trim() ?? '';
    // Where boots cannot be told apart, nothing granted before this start counts.
    this.#lease = bootId ? BoardLease.read(await files.readText(this.#state), bootId) : new BoardLease('');
    await files.mkdir(dir, { mode: 0o700 });
    await this.#look();
    // It may be from another boot, of which a guard makes nothing.
    if (!this.#empty) await this.#write();
    this.#tendGuard();
  }

  /** The guard goes on. */
  stop(): void {
    this.#stopped = true;
    this.end();
    this.#guardTimer?.cancel();
  }

  /** The manifest is new. Resolves when the guard can know of the pods in it. */
  async look(): Promise<void> {
    await this.#look();
    this.#tendGuard();
  }

  /** Undefined for a pod that needs no lease. */
  permit(uid: string): Permit | undefined {
    const pod = this.#lease.get(uid);
    if (!pod) return undefined;
    const leftMs = pod.untilMs - this.#options.clock.bootMs();
    return { mayRun: leftMs > 0, leftMs, termMs: pod.termMs };
  }

  /** Whether a container may be started in this sandbox: the lease runs, and the guard knows where to find what is started. */
  async secure(uid: string, sandbox: SandboxState): Promise<boolean> {
    if (!this.#lease.get(uid)) return true;
    const { dir, guard, runtime } = this.#options;
    const cgroup = await runtime.cgroupOf(sandbox);
    if (!isPodCgroup(cgroup)) throw new Error(`no pod is alone in the cgroup ${JSON.stringify(cgroup)}: its lease could not be enforced`);
    if (this.#lease.place(uid, cgroup)) await this.#write();
    await guard.ensure(dir);
    return this.#lease.mayRun(uid, this.#options.clock.bootMs());
  }

  /** Nothing of the pod is left on this board. */
  async forget(uid: string): Promise<void> {
    if (this.#lease.remove(uid)) await this.#write();
  }

  begin(channel: LinkChannel): void {
    this.#channel = channel;
    this.#ask();
  }

  receive(_kind: DownKind, value: unknown, channel: LinkChannel): void {
    const { session, nonce, pods } = parseLeaseGrant(value);
    if (session !== channel.session) return;
    const longer = this.#lease.granted(nonce, pods);
    this.#schedule();
    if (longer.length === 0) return;
    void this.#write().catch((error: unknown) =>
      this.#options.logger.error('cannot write down a lease; its pods will be stopped', { error }),
    );
    for (const uid of longer) this.#options.changed(uid);
  }

  end(): void {
    this.#channel = undefined;
    this.#askTimer?.cancel();
  }

  async #look(): Promise<void> {
    let added = false;
    for (const pod of this.#options.pods()) {
      if (leaseOf(pod) !== undefined && this.#lease.add(pod.metadata?.uid ?? '')) added = true;
    }
    if (!added) return;
    await this.#write();
    this.#ask();
  }

  #ask(): void {
    const channel = this.#channel;
    const uids = this.#wanted();
    if (!channel || uids.length === 0) return;
    const { clock, logger, random } = this.#options;
    const nowMs = clock.bootMs();
    const nonce = random.bytes(9).toString('base64url');
    const held = uids.filter((uid) => this.#lease.mayRun(uid, nowMs));
    const request: LeaseRequest = {
      session: channel.session,
      nonce,
      bootId: channel.bootId,
      held,
      void: uids.filter((uid) => !held.includes(uid)),
    };
    this.#lease.ask(nonce, uids, nowMs);
    channel.send('lease', request).catch((error: unknown) => logger.debug('a request for leases did not go out', { error }));
    this.#schedule();
  }

  #schedule(): void {
    this.#askTimer?.cancel();
    const uids = this.#wanted();
    if (!this.#channel || uids.length === 0) return;
    const { clock } = this.#options;
    const nowMs = clock.bootMs();
    let dueMs = Number.POSITIVE_INFINITY;
    for (const uid of uids) {
      const { untilMs = 0, termMs = 0 } = this.#lease.get(uid) ?? {};
      // What is due already was asked for a moment ago: again when that may have been lost.
      const againMs = untilMs > nowMs ? Math.min(askAgainMs, termMs / 10) : askAgainMs;
      dueMs = Math.min(dueMs, Math.max(againMs, untilMs - nowMs - termMs + termMs / renewals));
    }
    this.#askTimer = clock.after('leases: ask', dueMs, () => this.#ask());
  }

  /** Pods of the manifest that need a lease and have not ended. */
  #wanted(): string[] {
    const uids: string[] = [];
    for (const { metadata, status } of this.#options.pods()) {
      const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed';
      if (!ended && this.#lease.get(metadata?.uid ?? '')) uids.push(metadata?.uid ?? '');
    }
    return uids;
  }

  get #empty(): boolean {
    return this.#lease.pods().next().done === true;
  }

  get #state(): string {
    return `${this.#options.dir}/state`;
  }

  /** One after another, each with what is known by then; whole or not at all. */
  #write(): Promise<void> {
    const { files } = this.#options;
    const next = this.#writing
      .catch(() => {})
      .then(async () => {
        await files.write(`${this.#state}.new`, this.#lease.text(), { mode: 0o600 });
        await files.rename(`${this.#state}.new`, this.#state);
      });
    this.#writing = next;
    return next;
  }

  #tendGuard(): void {
    this.#guardTimer?.cancel();
    if (this.#stopped || this.#empty) return;
    const { clock, dir, guard, logger } = this.#options;
    guard.ensure(dir).catch((error: unknown) => logger.error('cannot start the guard of the leases', { error }));
    this.#guardTimer = clock.after('leases: guard', guardMs, () => this.#tendGuard());
  }
}
