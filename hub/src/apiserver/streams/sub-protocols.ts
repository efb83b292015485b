import { badRequest } from '@flotilla/shared/errors/status.js';

const bearerPrefix = 'base64url.bearer.authorization.k8s.io.';

/** The first of the client's subprotocols that is served; undefined when it names none. @throws StatusError BadRequest when none fits */
export function chosenProtocol(offered: readonly string[], served: readonly string[]): string | undefined {
  const real = offered.filter((name) => !name.startsWith(bearerPrefix));
  if (real.length === 0) return undefined;
  const chosen = real.find((name) => served.includes(name));
  if (chosen !== undefined) return chosen;
  throw badRequest(`unable to negotiate protocol: client supports [${real.join(' ')}], server accepts [${served.join(' ')}]`);
}

/** The client's own first subprotocol, for an answer that knows none. */
export function firstProtocol(offered: readonly string[]): string | undefined {
  return offered.find((name) => !name.startsWith(bearerPrefix));
}

/**
 * The token that a browser hides among its subprotocols, for it may set no header (apiserver, `websocket.ProtocolAuthenticator`).
 * One real subprotocol must stand beside it.
 */
export function subprotocolBearer(offered: readonly string[]): string | undefined {
  const tokens = offered.filter((name) => name.startsWith(bearerPrefix));
  const [token] = tokens;
  if (token === undefined || tokens.length > 1 || tokens.length === offered.length) return undefined;
  const text = Buffer.from(token.slice(bearerPrefix.length), 'base64url').toString('utf8');
  return text === '' ? undefined : text;
}
