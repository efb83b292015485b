import type { HealthEndpoint, HealthRegistry } from '#telemetry/health.ts';
import { noSuchPage, replyText } from './answers.ts';
import type { Exchange, ExchangeHandler } from './exchange.ts';

/** `/livez`, `/readyz`, `/healthz` and one path a check below each, in the words of kube-apiserver. */
export function healthRoute(health: HealthRegistry, path: string, query: URLSearchParams): ExchangeHandler | undefined {
  const [, root = '', name, ...more] = path.split('/');
  const endpoint: HealthEndpoint | undefined = root === 'livez' || root === 'readyz' ? root : root === 'healthz' ? 'livez' : undefined;
  if (!endpoint || more.length > 0) return undefined;
  return name ? (exchange) => one(exchange, health, endpoint, name) : (exchange) => all(exchange, health, endpoint, root, query);
}

async function all(
  exchange: Exchange,
  health: HealthRegistry,
  endpoint: HealthEndpoint,
  root: string,
  query: URLSearchParams,
): Promise<void> {
  const exclude = new Set(query.getAll('exclude'));
  const { ok, checks } = await health.run(endpoint, exclude);
  if (ok && !query.has('verbose')) return replyText(exchange, 200, 'ok');
  const lines = checks.map(({ name, ok: well, excluded }) => {
    if (excluded) return `[+]${name} excluded: ok`;
    // The reason may tell an anonymous caller too much; the log and the check's own path have it.
    return well ? `[+]${name} ok` : `[-]${name} failed: reason withheld`;
  });
  const unknown = [...exclude].filter((name) => !checks.some((check) => check.name === name));
  if (unknown.length > 0) {
    lines.push(`warn: some health checks cannot be excluded: no matches for ${unknown.map((name) => JSON.stringify(name)).join(', ')}`);
  }
  return replyText(exchange, ok ? 200 : 500, `${lines.join('\n')}\n${root} check ${ok ? 'passed' : 'failed'}\n`);
}

async function one(exchange: Exchange, health: HealthRegistry, endpoint: HealthEndpoint, name: string): Promise<void> {
  if (!health.names(endpoint).includes(name)) return noSuchPage(exchange);
  const { checks } = await health.run(endpoint);
  const check = checks.find((candidate) => candidate.name === name);
  if (check?.ok) return replyText(exchange, 200, 'ok');
  return replyText(exchange, 500, `internal server error: ${check?.reason ?? 'unknown'}\n`);
}
