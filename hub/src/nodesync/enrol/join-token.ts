import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { StatusError } from '@flotilla/shared/errors/status.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import { type JoinToken, joinTokenText, parseJoinToken } from '@flotilla/shared/protocol/join.js';
import type { Client } from '#client/types.ts';
import type { Secret } from '../objects.ts';
import { enrolNamespace } from './board-directory.ts';

export const tokenType = 'fleet.flotilla.dev/join-token';

export interface JoinTokenOptions {
  /** Creates the Secret, in process or over the API. */
  readonly createSecret: (namespace: string, secret: Secret) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
  /** `sha256:HEX` of the cluster authority's public key, see Pki.caKeyHash. */
  readonly caKeyHash: string;
  readonly ttlMs: number;
  /** How many boards may join with it by themselves; 1000 when left out. With 0 each waits for an operator's approval. */
  readonly uses?: number;
  /** The only name that may join with it; any when left out. */
  readonly node?: string;
}

/** A token for boards to join with. Only the hash of its secret is kept; its pin makes the board recognise the hub. */
export async function createJoinToken({
  createSecret,
  clock,
  random,
  caKeyHash,
  ttlMs,
  uses = 1000,
  node,
}: JoinTokenOptions): Promise<string> {
  const id = random.bytes(5).toString('hex');
  const secret = random.bytes(24).toString('base64url');
  const data = encode({
    'secret-hash': hash(secret),
    expiration: kubeTime(clock.wallMs() + ttlMs),
    'uses-left': String(uses),
    ...(node === undefined ? {} : { node }),
  });
  const metadata = { name: secretName(id), namespace: enrolNamespace };
  await createSecret(enrolNamespace, { apiVersion: 'v1', kind: 'Secret', metadata, type: tokenType, data });
  return joinTokenText({ id, secret, pin: caKeyHash.replace(/^sha256:/, '') });
}

export interface JoinTokenUse {
  /** Who wants to join with it. */
  readonly node: string;
  /**
   * Takes one of its uses for this key. The key that took the last one may take it again until `settleJoinToken`: a hub that stopped
   * before it had entered the board has not locked it out.
   */
  readonly take?: string;
  /** Used up or expired will do: for a board that has joined already, and asks again because it lost the answer. */
  readonly spent?: boolean;
}

/** Throws unless the token may be used so now. @returns its id @throws StatusError 401 with words for the board's owner */
export async function checkJoinToken(
  { client, clock }: { client: Client; clock: Clock },
  text: string,
  { node, take, spent = false }: JoinTokenUse,
): Promise<string> {
  const token = parseJoinToken(text);
  if (!token) throw refused('the join token is not one: it has the form f1.ID.SECRET.PIN');
  const name = secretName(token.id);
  const stored = storedToken(client, token);
  if (!stored) throw refused('the join token is unknown to this hub');
  const check = (secret: Secret): number => {
    const bound = read(secret, 'node');
    if (bound !== '' && bound !== node) throw refused(`the join token is for node "${bound}", not for "${node}"`);
    const left = Number(read(secret, 'uses-left'));
    if (spent) return left;
    const lastKey = read(secret, 'last-key');
    if (Date.parse(read(secret, 'expiration')) <= clock.wallMs())
      throw refused(`the join token expired at ${read(secret, 'expiration')}`, { spent: true });
    if (take !== undefined && take === lastKey) return left + 1;
    // Whose use was the last is only known once there is a key.
    if (!(left > 0) && (take !== undefined || lastKey === ''))
      throw refused('the join token was used as often as it may be', { spent: true });
    return left;
  };
  check(stored);
  if (take === undefined) return token.id;
  await changeInTurn(client, name, (current) => {
    const left = check(current) - 1;
    return { ...current, data: { ...current.data, ...encode({ 'uses-left': String(left), 'last-key': left === 0 ? take : '' }) } };
  });
  return token.id;
}

/** The Secret of a token that this hub gave out. */
function storedToken(client: Pick<Client, 'informer'>, { id, secret }: JoinToken): Secret | undefined {
  const stored = client.informer<Secret>('', 'secrets').get(`${enrolNamespace}/${secretName(id)}`);
  const expected = Buffer.from(stored?.type === tokenType ? read(stored, 'secret-hash') : '', 'hex');
  const given = Buffer.from(hash(secret), 'hex');
  return expected.length === given.length && timingSafeEqual(expected, given) ? stored : undefined;
}

/** Whether this hub gave it out, spent or not. */
export function isJoinToken(client: Pick<Client, 'informer'>, text: string): boolean {
  const token = parseJoinToken(text);
  return token !== undefined && storedToken(client, token) !== undefined;
}

interface Waiting {
  readonly change: (current: Secret) => Secret;
  readonly done: (refusal?: unknown) => void;
}

/** Who waits for a token's write, by the token: a fleet joins with one, and each would lose against all others. */
const waiting = new WeakMap<Client, Map<string, Waiting[]>>();
const mostInOneWrite = 64;

/** Changes that come while one is written share the next write. What one of them throws refuses that one alone. */
function changeInTurn(client: Client, name: string, change: Waiting['change']): Promise<void> {
  const queues = waiting.get(client) ?? new Map<string, Waiting[]>();
  waiting.set(client, queues);
  const queue = queues.get(name);
  const own = queue ?? [];
  const settled = new Promise<void>((resolve, reject) => {
    own.push({ change, done: (refusal) => (refusal === undefined ? resolve() : reject(refusal)) });
  });
  if (!queue) {
    queues.set(name, own);
    void writeAll(client, name, own, () => queues.delete(name));
  }
  return settled;
}

/** @param empty called at the moment in which nobody waits any more */
async function writeAll(client: Client, name: string, queue: Waiting[], empty: () => void): Promise<void> {
  while (queue.length > 0) {
    const batch = queue.splice(0, mostInOneWrite);
    let refusals: unknown[] = [];
    try {
      await client.resource<Secret>('', 'secrets').update(enrolNamespace, name, (current) => {
        refusals = [];
        return batch.reduce((secret, { change }) => {
          try {
            const changed = change(secret);
            refusals.push(undefined);
            return changed;
          } catch (error) {
            refusals.push(error);
            return secret;
          }
        }, current);
      });
      for (const [index, { done }] of batch.entries()) done(refusals[index]);
    } catch (error) {
      for (const { done } of batch) done(error);
    }
  }
  empty();
}

/** The board is entered: from now on not even the key that took the last use may join with it again, should it be revoked. */
export async function settleJoinToken({ client }: { client: Client }, text: string): Promise<void> {
  const name = secretName(parseJoinToken(text)?.id ?? '');
  const stored = client.informer<Secret>('', 'secrets').get(`${enrolNamespace}/${name}`);
  if (!stored || read(stored, 'last-key') === '') return;
  await client
    .resource<Secret>('', 'secrets')
    .update(enrolNamespace, name, (current) => ({ ...current, data: { ...current.data, ...encode({ 'last-key': '' }) } }));
}

/** Whoever has the secret of a token that is merely spent is no stranger: an operator may let that board in (see WaitingRoom). */
export class TokenRefusal extends StatusError {
  readonly spent: boolean;

  constructor(message: string, { spent = false }: { readonly spent?: boolean } = {}) {
    super(401, 'Unauthorized', message);
    this.spent = spent;
  }
}

function refused(message: string, options?: { readonly spent: boolean }): TokenRefusal {
  return new TokenRefusal(message, options);
}

function secretName(id: string): string {
  return `flotilla-join-${id}`;
}

function hash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function read(secret: Secret, key: string): string {
  return Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
}

function encode(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')]));
}
