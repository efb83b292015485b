import { type BudgetSettings, budgetMonth, type LinkProfileName } from '@flotilla/shared/api/board-budget.js';
import { type Clock, kubeTime, type Timer } from '@flotilla/shared/clock/clock.js';
import { forbidden } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { StatusReport } from '@flotilla/shared/protocol/messages.js';
import type { DownKind } from '@flotilla/shared/protocol/topics.js';
import { type BoardTraffic, parseTrafficQuestion, type Shed } from '@flotilla/shared/protocol/traffic-messages.js';
import { bytesText } from '@flotilla/shared/quantity/bytes-text.js';
import { type LinkProfile, linkProfileTable } from '#config/link-profiles.ts';
import type { KeepAlive } from '#hublink/keep-alive.ts';
import type { HubLink, LinkChannel, LinkPart } from '#hublink/types.ts';
import { type ImageState, type RegistryAuth, type Runtime, RuntimeError } from '#runtime/types.ts';
import { type DataUse, dateText, refusalOf, shedOf } from './data-budget.ts';
import type { LinkCounter } from './link-counter.ts';
import { TrafficLedger, type TrafficLedgerOptions } from './traffic-ledger.ts';

type Images = Pick<Runtime, 'image' | 'pullImage'>;

export interface BoardBudgetOptions extends Omit<TrafficLedgerOptions, 'pulling' | 'link'> {
  readonly nodeName: string;
  readonly link: LinkCounter;
  /** What the agent was started with. */
  readonly profile: LinkProfileName;
  /** What the Node's annotations say, as of the content in hand. */
  readonly settings: () => BudgetSettings;
  readonly keepAlive: KeepAlive | undefined;
  /** An Event of the Node. */
  readonly event: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
  /** Conditions may be others now. */
  readonly changed: () => void;
  /** Logs may be sent again. */
  readonly released: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A condition of the Node, without when it began. */
export interface BudgetCondition {
  readonly type: 'DataBudgetExceeded' | 'FlashBudgetExceeded';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

/** How often the kernel's counters are read: with a budget that something may run into, and without. */
const watchMs = 60_000;
const lookMs = 5 * 60_000;

/**
 * What this board may cost its link and its flash: counts it, tells the hub, and holds back what may wait when the data budget runs out:
 * logs, figures of traffic, pulls, streams, in this order; never heartbeats, reports and what is wanted of the board.
 */
export class BoardBudget implements LinkPart {
  readonly kinds: readonly DownKind[] = ['traffic'];
  readonly ledger: TrafficLedger;
  readonly #options: BoardBudgetOptions;
  #channel: LinkChannel | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;
  #pulls = 0;
  #shed: readonly Shed[] = [];
  #flashOver = false;
  /** Once told of, a condition stays, so that the hub does not show what is over. */
  #conditions = new Map<BudgetCondition['type'], BudgetCondition>();
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: BoardBudgetOptions) {
    this.#options = options;
    this.ledger = new TrafficLedger({ ...options, pulling: () => this.#pulls > 0 });
  }

  /** What counts for this board now. */
  get profile(): LinkProfile {
    return linkProfileTable[this.#profileName];
  }

  /** Conditions of the Node; none for a board that never had a budget. */
  get conditions(): readonly BudgetCondition[] {
    return [...this.#conditions.values()];
  }

  async start(bootId: string): Promise<void> {
    await this.ledger.load(bootId);
    const { keepAlive } = this.#options;
    if (this.ledger.keepAliveMs !== undefined) keepAlive?.resume(this.ledger.keepAliveMs);
    this.settingsChanged();
  }

  /** The Node's annotations may be others. */
  settingsChanged(): void {
    const { keepAlive } = this.#options;
    keepAlive?.plan(this.profile.keepAlive);
    this.ledger.plan({ day: this.#day, budgetBytes: this.#use().budgetBytes });
    void this.#look();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.ledger.keepAliveMs = this.#options.keepAlive?.ms;
    await this.ledger.stop();
  }

  /** Whether logs of failed containers stay on the disk for now. */
  get holdsLogs(): boolean {
    return this.#shed.includes('logs');
  }

  /** @throws StatusError that names the budget and the override */
  admit(what: 'logs' | 'streams'): void {
    const refusal = this.#refusal(what);
    if (refusal !== undefined) throw forbidden({ group: '', resource: 'nodes' }, this.#options.nodeName, refusal);
  }

  /** Pulls are counted, and refused beyond the budget; images that are there are always given. */
  images(inner: Images): Images {
    return {
      image: (reference) => inner.image(reference),
      pullImage: (reference, auth, signal) => this.#pull(inner, reference, auth, signal),
    };
  }

  /** Counts events of reports apart, and lets figures ride along. */
  reports(link: HubLink): Pick<HubLink, 'report' | 'connected'> {
    return {
      get connected() {
        return link.connected;
      },
      report: async (report: StatusReport) => {
        this.#options.link.reporting(report);
        await link.report(report);
        this.#rideAlong();
      },
    };
  }

  begin(channel: LinkChannel): void {
    this.#channel = channel;
  }

  end(): void {
    this.#channel = undefined;
  }

  receive(_kind: DownKind, value: unknown, channel: LinkChannel): void {
    const { session, question } = parseTrafficQuestion(value);
    if (session === channel.session) void this.#tell(channel, { answer: question });
  }

  get #profileName(): LinkProfileName {
    return this.#options.settings().profile ?? this.#options.profile;
  }

  get #day(): number {
    return this.#options.settings().dataDay ?? 1;
  }

  #use(): DataUse {
    const { dataBytes = this.profile.dataBytes, overrideUntilMs } = this.#options.settings();
    const budgetBytes = dataBytes === Number.POSITIVE_INFINITY ? undefined : dataBytes;
    return { usedBytes: this.ledger.monthBytes, budgetBytes, overrideUntilMs, nowMs: this.#options.now().ms };
  }

  #flashBytes(): number | undefined {
    const { flashBytes = this.profile.flashBytes } = this.#options.settings();
    return flashBytes === Number.POSITIVE_INFINITY ? undefined : flashBytes;
  }

  #refusal(what: Shed): string | undefined {
    const use = this.#use();
    return shedOf(use).includes(what) ? refusalOf(what, use, this.#options.nodeName, this.#day) : undefined;
  }

  async #pull(inner: Images, reference: string, auth: RegistryAuth | undefined, signal: AbortSignal | undefined): Promise<ImageState> {
    const refusal = this.#refusal('pulls');
    if (refusal !== undefined) throw new RuntimeError('ErrImagePull', refusal);
    // What passed before it began is not its own.
    await this.ledger.look();
    this.#pulls++;
    try {
      return await inner.pullImage(reference, auth, signal);
    } finally {
      await this.ledger.look();
      this.#pulls--;
      void this.#look();
    }
  }

  async #look(): Promise<void> {
    if (this.#stopped) return;
    this.ledger.keepAliveMs = this.#options.keepAlive?.ms;
    await this.ledger.look();
    if (this.#stopped) return;
    this.#judge();
    this.#timer?.cancel();
    const everyMs = this.#use().budgetBytes === undefined ? lookMs : watchMs;
    this.#timer = this.#options.clock.after('budget: look', everyMs, () => void this.#look());
  }

  #judge(): void {
    const { event, nodeName, released } = this.#options;
    const use = this.#use();
    const shed = shedOf(use);
    const before = this.#shed;
    this.#shed = shed;
    const worst = shed.at(-1);
    if (worst !== undefined && shed.length > before.length) {
      const reason = worst === 'streams' ? 'DataBudgetExceeded' : 'DataBudgetLow';
      event('Warning', reason, refusalOf(worst, use, nodeName, this.#day));
    } else if (shed.length === 0 && before.length > 0)
      event('Normal', 'DataBudgetRestored', 'Nothing is held back for the data budget any more');
    if (before.includes('logs') && !shed.includes('logs')) released();
    const conditions = [...this.#conditions.values()].length;
    const changed = [this.#setData(use, shed), this.#setFlash()].some(Boolean);
    if (changed || conditions !== this.#conditions.size) this.#options.changed();
  }

  #setData(use: DataUse, shed: readonly Shed[]): boolean {
    const { budgetBytes, nowMs } = use;
    if (budgetBytes === undefined)
      return this.#conditions.has('DataBudgetExceeded') && this.#set('DataBudgetExceeded', false, 'NoBudget', 'there is no data budget');
    const budget = `the data budget of ${bytesText(budgetBytes)} a month`;
    const { endMs } = budgetMonth(nowMs, this.#day);
    if (shed.includes('streams'))
      return this.#set(
        'DataBudgetExceeded',
        true,
        'BudgetUsedUp',
        `${budget} is used up: ${list(shed)} are held back until ${dateText(endMs)}`,
      );
    if (shed.length > 0)
      return this.#set(
        'DataBudgetExceeded',
        false,
        'BudgetLow',
        `${budget} is nearly used up: ${list(shed)} are held back until ${dateText(endMs)}`,
      );
    return this.#set('DataBudgetExceeded', false, 'WithinBudget', `nothing is held back for ${budget}`);
  }

  #setFlash(): boolean {
    const { flash } = this.ledger;
    const budgetBytes = this.#flashBytes();
    const over = budgetBytes !== undefined && (flash.bytes > budgetBytes || flash.syncs > this.profile.flashSyncs);
    if (over && !this.#flashOver) {
      const message = `The agent wrote ${bytesText(flash.bytes)} with ${flash.syncs} syncs since midnight UTC; its flash budget is ${bytesText(budgetBytes)} and ${this.profile.flashSyncs} syncs a day`;
      this.#options.event('Warning', 'FlashBudgetExceeded', message);
    }
    this.#flashOver = over;
    if (!over && !this.#conditions.has('FlashBudgetExceeded')) return false;
    const budget = budgetBytes === undefined ? 'no flash budget' : `a flash budget of ${bytesText(budgetBytes)} a day`;
    return over
      ? this.#set('FlashBudgetExceeded', true, 'BudgetUsedUp', `the agent wrote more than ${budget} allows`)
      : this.#set('FlashBudgetExceeded', false, 'WithinBudget', `there is ${budget}`);
  }

  /** @returns whether it is another */
  #set(type: BudgetCondition['type'], bad: boolean, reason: string, message: string): boolean {
    const status = bad ? 'True' : 'False';
    const before = this.#conditions.get(type);
    if (before?.status === status && before.reason === reason && before.message === message) return false;
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : kubeTime(this.#options.now().ms);
    this.#conditions.set(type, { type, status, reason, message, lastTransitionTime });
    return true;
  }

  /** After something was said anyway, and not often. */
  #rideAlong(): void {
    const channel = this.#channel;
    const nowMs = this.#options.clock.monotonicMs();
    if (!channel || nowMs - this.#toldMs < this.profile.figuresEveryMs || this.#shed.includes('metrics')) return;
    this.#toldMs = nowMs;
    void this.#tell(channel, {});
  }

  async #tell(channel: LinkChannel, answer: { readonly answer?: number }): Promise<void> {
    await this.ledger.look();
    this.#judge();
    await channel.send('traffic', { session: channel.session, ...answer, traffic: this.#figures() }).catch(() => {});
  }

  #figures(): BoardTraffic {
    const { ledger } = this;
    const { budgetBytes, overrideUntilMs, nowMs } = this.#use();
    const flashBytes = this.#flashBytes();
    return {
      sinceMs: ledger.sinceMs,
      monthSinceMs: ledger.monthSinceMs,
      classes: ledger.classes,
      profile: this.#profileName,
      ...(budgetBytes === undefined ? {} : { budgetBytes }),
      ...(overrideUntilMs !== undefined && overrideUntilMs > nowMs ? { overrideUntilMs } : {}),
      shed: this.#shed,
      keepAliveMs: this.#options.keepAlive?.ms ?? 0,
      flash: { ...ledger.flash, ...(flashBytes === undefined ? {} : { budgetBytes: flashBytes }) },
    };
  }
}

function list(shed: readonly Shed[]): string {
  return shed.join(', ');
}
