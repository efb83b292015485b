import { setTimeout as sleep } from 'node:timers/promises';
import { apiClient } from './api-client.ts';
import { MetricSamples } from './metric-samples.ts';
import { parseDuration } from './parse.ts';
import { topText } from './top-text.ts';

/** Shows what the hub costs and does, part by part, over a moment. */
export async function topHubCommand(options: { readonly over: string; readonly kubeconfig?: string }): Promise<void> {
  const api = apiClient(options.kubeconfig);
  const overMs = parseDuration('--over', options.over);
  const look = async (): Promise<{ samples: MetricSamples; atMs: number }> => {
    const samples = new MetricSamples(await api.text('/metrics'));
    return { samples, atMs: performance.now() };
  };
  const before = await look();
  await sleep(overMs);
  const now = await look();
  process.stdout.write(topText(before.samples, now.samples, (now.atMs - before.atMs) / 1000));
}
