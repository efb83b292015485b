import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { createJoinToken } from '#nodesync/enrol/join-token.ts';
import { apiClient } from './api-client.ts';
import { parseCount, parseDuration } from './parse.ts';

export async function createTokenCommand(options: {
  readonly ttl: string;
  readonly uses: string;
  readonly node?: string;
  readonly kubeconfig?: string;
}): Promise<void> {
  const api = apiClient(options.kubeconfig);
  const token = await createJoinToken({
    createSecret: (namespace, secret) => api.post(`/api/v1/namespaces/${namespace}/secrets`, secret),
    clock: new SystemClock(),
    random: new SystemRandom(),
    caKeyHash: api.caKeyHash,
    ttlMs: parseDuration('--ttl', options.ttl),
    uses: options.uses === '0' ? 0 : parseCount('--uses', options.uses),
    ...(options.node === undefined ? {} : { node: options.node }),
  });
  process.stdout.write(`${token}\n`);
}
