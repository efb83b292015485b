import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { createJoinToken } from '#nodesync/enrol/join-token.ts';
import { apiClient } from './api-client.ts';
import { parseDuration } from './parse.ts';

/** Makes join tokens at the hub: each for one board of one name, once. */
export function boardTokens(kubeconfig: string | undefined, ttl: string): (node: string) => Promise<string> {
  const api = apiClient(kubeconfig);
  const ttlMs = parseDuration('--token-ttl', ttl);
  const [clock, random] = [new SystemClock(), new SystemRandom()];
  return (node) =>
    createJoinToken({
      createSecret: (namespace, secret) => api.post(`/api/v1/namespaces/${namespace}/secrets`, secret),
      clock,
      random,
      caKeyHash: api.caKeyHash,
      ttlMs,
      uses: 1,
      node,
    });
}
