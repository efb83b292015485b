import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { createJoinToken, type JoinTokenOptions } from '#nodesync/enrol/join-token.ts';
import { type ApiClient, apiClient } from './api-client.ts';
import { parseDuration } from './parse.ts';

/** Makes a join token at the hub. */
export function hubToken(api: ApiClient, wish: Pick<JoinTokenOptions, 'ttlMs' | 'uses' | 'node'>): Promise<string> {
  return createJoinToken({
    createSecret: (namespace, secret) => api.post(`/api/v1/namespaces/${namespace}/secrets`, secret),
    clock: new SystemClock(),
    random: new SystemRandom(),
    caKeyHash: api.caKeyHash,
    ...wish,
  });
}

/** Makes join tokens at the hub: each for one board of one name, once. */
export function boardTokens(kubeconfig: string | undefined, ttl: string): (node: string) => Promise<string> {
  const api = apiClient(kubeconfig);
  const ttlMs = parseDuration('--token-ttl', ttl);
  return (node) => hubToken(api, { ttlMs, uses: 1, node });
}
