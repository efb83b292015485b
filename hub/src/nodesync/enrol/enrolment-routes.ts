import { badRequest, notFound } from '@flotilla/shared/errors/status.js';
import { fingerprintOf, nodeNameFault } from '@flotilla/shared/protocol/join.js';
import type { Authenticator } from '#auth/authn/authenticator.ts';
import { ownPage, type PageExchange, requireMethod, userOf } from '#auth/authn/own-page.ts';
import { type Authorizer, forbiddenError } from '#auth/authz/types.ts';
import type { UserInfo } from '#registry/generic/types.ts';
import type { EnrolmentDesk } from './enrolment-desk.ts';

export const enrolmentPath = '/flotilla/v1/enrolment';

interface EnrolmentExchange extends PageExchange {
  readBody(limitBytes?: number): Promise<Buffer>;
}

export interface EnrolmentRoutesOptions {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly desk: EnrolmentDesk;
}

/** One board that waits, as `GET` shows it. */
export interface ShownWaitingBoard {
  readonly node: string;
  readonly fingerprint: string;
  readonly serial: string;
  readonly address: string;
  readonly reason: string;
  readonly kind: 'join' | 'moved';
  readonly sinceMs: number;
  readonly deniedBy: string;
  /** Fingerprint of the board that has the name already. */
  readonly enrolled?: string;
}

const bodyLimit = 4096;

/**
 * What `flotilla node pending`, `approve`, `deny`, `replace` and `retire` ask. Who may is a matter of roles: `list` and `update` of
 * `nodes/enrolment` in fleet.flotilla.dev.
 */
export function enrolmentRoutes({
  authenticator,
  authorizer,
  desk,
}: EnrolmentRoutesOptions): (exchange: EnrolmentExchange) => Promise<void> {
  const acts: Readonly<Record<string, (wish: Wish, by: string) => Promise<string | undefined>>> = {
    approve: (wish, by) => desk.approve(wish, by),
    deny: (wish, by) => desk.deny(wish, by),
    replace: (wish, by) => desk.replace({ ...wish, old: nameIn(wish, 'old') }, by),
    retire: async ({ node }, by) => {
      await desk.retire(node, by);
      return undefined;
    },
  };
  const allow = (user: UserInfo, verb: string, name: string): void => {
    const resource = { group: 'fleet.flotilla.dev', version: 'v1alpha1', namespace: '', resource: 'nodes', subresource: 'enrolment', name };
    const attributes = { user, verb, path: enrolmentPath, resource };
    const decision = authorizer.authorize(attributes);
    if (decision.verdict !== 'allow') throw forbiddenError(attributes, decision);
  };
  const answer = async (exchange: EnrolmentExchange): Promise<object> => {
    const user = await userOf(authenticator, exchange);
    const [path = ''] = exchange.url.split('?');
    if (path === enrolmentPath && exchange.method === 'GET') {
      allow(user, 'list', '');
      return { items: desk.list().map(shown) };
    }
    const act = acts[path.slice(enrolmentPath.length + 1)];
    if (!act) throw notFound({ group: '', resource: 'paths' }, path);
    requireMethod(exchange, 'POST');
    const wish = readWish((await exchange.readBody(bodyLimit)).toString('utf8'));
    allow(user, 'update', wish.old ?? wish.node);
    const keyId = await act(wish, user.name);
    return { node: wish.old ?? wish.node, ...(keyId === undefined ? {} : { fingerprint: fingerprintOf(keyId) }) };
  };
  return ownPage(async (exchange) => exchange.reply(200, 'application/json', JSON.stringify(await answer(exchange))));
}

interface Wish {
  readonly node: string;
  readonly old?: string;
  readonly fingerprint?: string;
  readonly takeOver?: boolean;
}

function readWish(body: string): Wish {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw badRequest('the request is not JSON');
  }
  const { node, old, fingerprint, takeOver } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const wish: Wish = {
    node: typeof node === 'string' ? node : '',
    ...(typeof old === 'string' ? { old } : {}),
    ...(typeof fingerprint === 'string' ? { fingerprint } : {}),
    ...(takeOver === true ? { takeOver } : {}),
  };
  nameIn(wish, 'node');
  if (wish.old !== undefined) nameIn(wish, 'old');
  return wish;
}

function nameIn(wish: Wish, field: 'node' | 'old'): string {
  const name = wish[field] ?? '';
  const fault = nodeNameFault(name);
  if (fault) throw badRequest(fault);
  return name;
}

function shown({ keyId, enrolled, ...entry }: ReturnType<EnrolmentDesk['list']>[number]): ShownWaitingBoard {
  return { ...entry, fingerprint: fingerprintOf(keyId), ...(enrolled === undefined ? {} : { enrolled: fingerprintOf(enrolled) }) };
}
