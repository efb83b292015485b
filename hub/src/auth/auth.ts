import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Random } from '@flotilla/shared/platform/random.js';
import type { Client } from '#client/types.ts';
import type { Registry } from '#registry/generic/types.ts';
import { type Authenticator, createAuthenticator, type MayActAs } from './authn/authenticator.ts';
import { createServiceAccountTokens, type ServiceAccountTokens } from './authn/service-account-tokens.ts';
import { authenticatedAuthorizer, controllersAuthorizer, mastersAuthorizer, publicAuthorizer } from './authz/built-in-authorizers.ts';
import { createNodeAuthorizer } from './authz/node-authorizer.ts';
import { createNodeGraph } from './authz/node-graph.ts';
import { type Authorizer, chain } from './authz/types.ts';
import type { Pki } from './pki/pki.ts';

export interface AuthOptions {
  readonly pki: Pick<Pki, 'serviceAccountKey'>;
  readonly registry: Registry;
  readonly client: Pick<Client, 'informer'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly mayActAs?: MayActAs;
  /** Service accounts of kube-system that the hub's own controllers act as. */
  readonly controllers?: readonly string[];
}

export interface Auth {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly tokens: ServiceAccountTokens;
}

/** Who asks, and may they. */
export function createAuth({ pki, registry, client, clock, random, mayActAs, controllers = [] }: AuthOptions): Auth {
  const tokens = createServiceAccountTokens({ registry, key: pki.serviceAccountKey, clock, random });
  return {
    tokens,
    authenticator: createAuthenticator({ clock, tokens, ...(mayActAs ? { mayActAs } : {}) }),
    authorizer: chain([
      mastersAuthorizer,
      createNodeAuthorizer(createNodeGraph(client, registry)),
      controllersAuthorizer(controllers),
      publicAuthorizer,
      authenticatedAuthorizer,
    ]),
  };
}
