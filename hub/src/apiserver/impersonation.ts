import { type Attributes, type Authorizer, forbiddenError } from '#auth/authz/types.ts';
import type { UserInfo } from '#registry/generic/types.ts';
import type { Exchange } from './exchange.ts';

const prefix = 'impersonate-';
const extraPrefix = 'impersonate-extra-';
const group = 'authentication.k8s.io';
const accountPrefix = 'system:serviceaccount:';

/** Headers that ask for another identity but name nobody: 500 and this text, as in kube-apiserver. */
export class NobodyImpersonated extends Error {
  constructor(path: string, what: string) {
    super(`Internal Server Error: ${JSON.stringify(path)}: requested [${what}] without impersonating a user`);
    this.name = 'NobodyImpersonated';
  }
}

interface Wish {
  readonly resource: Omit<NonNullable<Attributes['resource']>, 'version'>;
  /** As Go prints the reference. */
  readonly shown: string;
}

const about = (apiGroup: string, resource: string, name: string, more: { namespace?: string; subresource?: string } = {}) => ({
  group: apiGroup,
  resource,
  name,
  namespace: '',
  subresource: '',
  ...more,
});

/**
 * Who a request acts as (apiserver, `filters.WithImpersonation`): `Impersonate-User`, `-Group`, `-Uid` and `-Extra-KEY`, each of which the
 * user needs the verb `impersonate` for. The user himself when there is no such header.
 * @throws StatusError Forbidden
 * @throws NobodyImpersonated
 */
export function impersonated(exchange: Exchange, path: string, user: UserInfo, authorizer: Authorizer): UserInfo {
  const headers = exchange.headersFrom(prefix);
  if (headers.length === 0) return user;
  const valuesOf = (name: string): string[] => headers.flatMap(([header, value]) => (header === name ? [value] : []));
  const name = valuesOf('impersonate-user')[0] ?? '';
  const groups = valuesOf('impersonate-group');
  const uid = valuesOf('impersonate-uid')[0] ?? '';
  const extra: Record<string, string[]> = {};
  for (const [header, value] of headers) {
    if (!header.startsWith(extraPrefix)) continue;
    const key = unescaped(header.slice(extraPrefix.length));
    extra[key] = [...(extra[key] ?? []), value];
  }
  const wishes: Wish[] = [
    ...groups.map((one) => ({ resource: about('', 'groups', one), shown: `{Group  ${one}    }` })),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({
        resource: about(group, 'userextras', value, { subresource: key }),
        shown: `{UserExtra  ${value}  ${group}/v1  ${key}}`,
      })),
    ),
    ...(uid ? [{ resource: about(group, 'uids', uid), shown: `{UID  ${uid}  ${group}/v1  }` }] : []),
  ];
  if (!name) {
    if (wishes.length === 0) return user;
    throw new NobodyImpersonated(path, wishes.map(({ shown }) => shown).join(' '));
  }
  const account = serviceAccountOf(name);
  const first = account ? about('', 'serviceaccounts', account.name, { namespace: account.namespace }) : about('', 'users', name);
  for (const resource of [first, ...wishes.map((wish) => wish.resource)]) {
    const version = resource.group === '' ? '' : 'v1';
    const attributes: Attributes = { user, verb: 'impersonate', path: '', resource: { ...resource, version } };
    const decision = authorizer.authorize(attributes);
    if (decision.verdict !== 'allow') throw forbiddenError(attributes, decision);
  }
  return {
    name,
    groups: groupsOf(name, groups, account?.namespace),
    ...(uid ? { uid } : {}),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  };
}

function groupsOf(name: string, given: readonly string[], accountNamespace: string | undefined): string[] {
  const groups =
    given.length === 0 && accountNamespace !== undefined
      ? ['system:serviceaccounts', `system:serviceaccounts:${accountNamespace}`]
      : [...given];
  const wanted = name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated';
  const told = groups.includes(wanted) || (name !== 'system:anonymous' && groups.includes('system:unauthenticated'));
  return told ? groups : [...groups, wanted];
}

function serviceAccountOf(user: string): { readonly namespace: string; readonly name: string } | undefined {
  if (!user.startsWith(accountPrefix)) return undefined;
  const [namespace = '', name = '', ...more] = user.slice(accountPrefix.length).split(':');
  return namespace && name && more.length === 0 ? { namespace, name } : undefined;
}

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
