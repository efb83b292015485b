import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { Client } from '#client/types.ts';
import type { Registry } from '#registry/generic/types.ts';
import { type Authenticator, createAuthenticator, type MayActAs } from './authn/authenticator.ts';
import { createServiceAccountTokens, type ServiceAccountTokens } from './authn/service-account-tokens.ts';
import { linkAuthorizer } from './authz/link-authorizer.ts';
import { mastersAuthorizer } from './authz/masters-authorizer.ts';
import { createNodeAuthorizer } from './authz/node-authorizer.ts';
import { createNodeGraph } from './authz/node-graph.ts';
import { type Authorizer, chain } from './authz/types.ts';
import type { Pki } from './pki/pki.ts';
import { createRbacAuthorizer } from './rbac/rbac-authorizer.ts';
import { createRoleGuard, type RoleGuard } from './rbac/role-guard.ts';
import { RuleResolver } from './rbac/rule-resolver.ts';

export interface AuthOptions {
  readonly pki: Pick<Pki, 'serviceAccountKey'>;
  readonly registry: Registry;
  readonly client: Pick<Client, 'informer'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly mayActAs?: MayActAs;
}

export interface Auth {
  readonly authenticator: Authenticator;
  /** Of requests. Allows by roles once the informers of the client have synced, before that only `system:masters`. */
  readonly authorizer: Authorizer;
  /** Of what the hub's own parts write. */
  readonly ownAuthorizer: Authorizer;
  readonly roleGuard: RoleGuard;
  readonly tokens: ServiceAccountTokens;
}

/** Who asks, and may they. */
export function createAuth({ pki, registry, client, clock, random, mayActAs }: AuthOptions): Auth {
  const tokens = createServiceAccountTokens({ registry, key: pki.serviceAccountKey, clock, random });
  const resolver = new RuleResolver(client);
  const rbac = createRbacAuthorizer(resolver);
  const authorizer = chain([mastersAuthorizer, createNodeAuthorizer(createNodeGraph(client, registry)), rbac]);
  return {
    tokens,
    authenticator: createAuthenticator({ clock, tokens, ...(mayActAs ? { mayActAs } : {}) }),
    authorizer,
    ownAuthorizer: chain([mastersAuthorizer, linkAuthorizer, rbac]),
    roleGuard: createRoleGuard({ authorizer, resolver }),
  };
}
