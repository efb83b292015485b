import { apiClient } from './api-client.ts';
import { hubToken } from './join-tokens.ts';
import { parseCount, parseDuration } from './parse.ts';

export async function createTokenCommand(options: {
  readonly ttl: string;
  readonly uses: string;
  readonly node?: string;
  readonly kubeconfig?: string;
}): Promise<void> {
  const token = await hubToken(apiClient(options.kubeconfig), {
    ttlMs: parseDuration('--ttl', options.ttl),
    uses: options.uses === '0' ? 0 : parseCount('--uses', options.uses),
    ...(options.node === undefined ? {} : { node: options.node }),
  });
  process.stdout.write(`${token}\n`);
}
