import { createHash } from 'node:crypto';
import { type Clock, kubeTime } from '@flotilla/shared/clock/clock.js';
import { conflict, isAlreadyExists, isNotFound, notFound, StatusError, tooManyRequests } from '@flotilla/shared/errors/status.js';
import { fingerprintOf } from '@flotilla/shared/protocol/join.js';
import type { Client, EventRecorder, Informer } from '#client/types.ts';
import type { Secret } from '../objects.ts';
import { enrolNamespace } from './board-directory.ts';

const waitingType = 'fleet.flotilla.dev/waiting-board';
const typeIndex = 'secret-type';
const dayMs = 86_400_000;

export const waitingLimits = {
  /** Boards that wait, in all and from one address. */
  boards: 1_000,
  perAddress: 64,
  /** What nobody decided, and what was denied, is forgotten after so long; a board that is still there asks anew. */
  keptMs: 7 * dayMs,
  /** How often a board asks whether it was approved. */
  askSeconds: 30,
  /** The same of one that was denied: somebody may think better of it. */
  deniedAskSeconds: 600,
  /** Of a fingerprint, to name a board with. */
  shortestFingerprint: 8,
} as const;

/** A board that asks to be let in, or one whose key came back on another machine. */
export interface WaitingBoard {
  /** The name it gives itself: nobody vouches for it. */
  readonly node: string;
  readonly keyId: string;
  readonly serial: string;
  readonly address: string;
  /** Why it waits, in words. */
  readonly reason: string;
  /** `moved`: the key is that of the node, the machine is another. */
  readonly kind: 'join' | 'moved';
}

export interface WaitingEntry extends WaitingBoard {
  readonly sinceMs: number;
  readonly deniedBy: string;
}

export interface WaitingRoomOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly events: EventRecorder;
}

/**
 * Boards that wait for an operator: one Secret each in kube-system, so that they are there after a restart of the hub. Nothing in it is
 * secret; it is a Secret so that only who may see those sees it.
 *
 * INVARIANT: a board stands here by its key and name together; nothing is ever decided by the name alone.
 */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  readonly #secrets: Informer<Secret>;

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
    this.#secrets = options.client.informer('', 'secrets');
    this.#secrets.index(typeIndex, ({ type }) => (type === waitingType ? [type] : []));
  }

  /** All that are not forgotten, the longest waiting first. */
  list(): WaitingEntry[] {
    const oldestMs = this.#options.clock.wallMs() - waitingLimits.keptMs;
    return this.#all()
      .filter(({ sinceMs }) => sinceMs > oldestMs)
      .sort((a, b) => a.sinceMs - b.sinceMs);
  }

  /** By its name, or by the beginning of its fingerprint when several have the name. @throws StatusError when there is not just one */
  find(node: string, fingerprint?: string): WaitingEntry {
    const given = fingerprint?.replace(/^SHA256:/i, '');
    if (given !== undefined && given.length < waitingLimits.shortestFingerprint)
      throw new StatusError(400, 'BadRequest', `a fingerprint is named with ${waitingLimits.shortestFingerprint} characters or more`);
    const named = this.list().filter((entry) => entry.node === node);
    const found = named.filter(({ keyId }) => given === undefined || keyId.startsWith(given));
    const [entry, another] = found;
    if (!entry) throw notFound({ group: '', resource: 'waiting boards' }, given === undefined ? node : `${node} SHA256:${given}`);
    if (another) {
      const all = found.map(({ keyId }) => fingerprintOf(keyId)).join(', ');
      throw conflict(
        { group: '', resource: 'waiting boards' },
        node,
        `${found.length} boards wait under this name; say which with --fingerprint: ${all}`,
      );
    }
    return entry;
  }

  /** Puts a board there, once. @returns what stands there: it may have been denied @throws StatusError 429 when there is no room */
  async enter(board: WaitingBoard): Promise<WaitingEntry> {
    const { client, clock, events } = this.#options;
    const there = this.list().find(({ node, keyId }) => node === board.node && keyId === board.keyId);
    if (there && (there.serial === board.serial || there.deniedBy !== '')) return there;
    await this.#forget(there);
    const all = this.list();
    if (all.length >= waitingLimits.boards || all.filter(({ address }) => address === board.address).length >= waitingLimits.perAddress)
      throw tooManyRequests('too many boards wait to be approved; approve or deny some of them', waitingLimits.askSeconds);
    const entry = { ...board, sinceMs: clock.wallMs(), deniedBy: '' };
    try {
      await client.resource<Secret>('', 'secrets').create(enrolNamespace, secretOf(entry));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return entry;
    }
    const who = `${fingerprintOf(board.keyId)}${board.serial ? `, serial ${board.serial}` : ''}${board.address ? `, from ${board.address}` : ''}`;
    events.event(
      aboutNode(board.node),
      'Warning',
      'BoardWaits',
      `A board (${who}) waits to be approved as node ${board.node}: ${board.reason}`,
    );
    return entry;
  }

  /** It waits no more. */
  async leave(board: WaitingBoard): Promise<void> {
    await this.#remove(secretName(board));
  }

  /** It is told so for as long as it stands here. */
  async deny(entry: WaitingEntry, by: string): Promise<void> {
    await this.#options.client
      .resource<Secret>('', 'secrets')
      .update(enrolNamespace, secretName(entry), (there) => ({ ...there, data: secretOf({ ...entry, deniedBy: by }).data ?? {} }));
  }

  #all(): WaitingEntry[] {
    return this.#secrets.byIndex(typeIndex, waitingType).flatMap((secret) => remembered(secret) ?? []);
  }

  /** What is too old, and what another entry takes the place of. */
  async #forget(replaced: WaitingEntry | undefined): Promise<void> {
    const oldestMs = this.#options.clock.wallMs() - waitingLimits.keptMs;
    const old = this.#all().filter(({ sinceMs }) => sinceMs <= oldestMs);
    for (const entry of replaced ? [...old, replaced] : old) await this.#remove(secretName(entry));
  }

  async #remove(name: string): Promise<void> {
    try {
      await this.#options.client.resource<Secret>('', 'secrets').delete(enrolNamespace, name, { gracePeriodSeconds: 0 });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** A Node to tell an Event about, whether it is there or not. */
export function aboutNode(name: string): {
  readonly apiVersion: 'v1';
  readonly kind: 'Node';
  readonly metadata: { name: string; uid: string };
} {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, uid: name } };
}

function secretName({ node, keyId }: WaitingBoard): string {
  return `flotilla-waiting-${createHash('sha256').update(`${node}\n${keyId}`).digest('hex').slice(0, 32)}`;
}

function secretOf({ sinceMs, ...fields }: WaitingEntry): Secret {
  const texts = Object.entries({ ...fields, since: kubeTime(sinceMs) });
  const data = Object.fromEntries(texts.map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]));
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: secretName(fields), namespace: enrolNamespace }, type: waitingType, data };
}

/** Objects of the cache never change, and all that wait are looked at for each that asks. */
const entries = new WeakMap<Secret, WaitingEntry | undefined>();

function remembered(secret: Secret): WaitingEntry | undefined {
  if (!entries.has(secret)) entries.set(secret, entryOf(secret));
  return entries.get(secret);
}

function entryOf(secret: Secret): WaitingEntry | undefined {
  const read = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
  const entry: WaitingEntry = {
    node: read('node'),
    keyId: read('keyId'),
    serial: read('serial'),
    address: read('address'),
    reason: read('reason'),
    kind: read('kind') === 'moved' ? 'moved' : 'join',
    sinceMs: Date.parse(read('since')) || 0,
    deniedBy: read('deniedBy'),
  };
  // What somebody else wrote under such a type is none.
  return entry.keyId !== '' && secret.metadata?.name === secretName(entry) ? entry : undefined;
}
