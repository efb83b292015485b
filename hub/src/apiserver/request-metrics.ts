import type { Metrics } from '#telemetry/metrics.ts';
import type { RequestInfo } from './request-info.ts';
import type { RequestLimiter } from './request-limiter.ts';

export interface RequestMetrics {
  done(info: RequestInfo, code: number, durationMs: number): void;
}

const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Named as kube-apiserver names them, so that its dashboards read ours. */
export function createRequestMetrics(metrics: Metrics, limiter: RequestLimiter): RequestMetrics {
  const total = metrics.counter('apiserver_request_total', 'Requests by verb, group, version, resource, subresource and HTTP code.');
  const duration = metrics.histogram(
    'apiserver_request_duration_seconds',
    'Time from the first byte of a request to the end of its answer, watches left out.',
    durationBuckets,
  );
  for (const kind of ['reads', 'writes', 'streams', 'exempt'] as const) {
    metrics.gauge(`flotilla_apiserver_inflight_${kind}`, `Requests of this kind (${kind}) under way.`, () => limiter.inFlight(kind));
  }
  return {
    done({ verb, resource }, code, durationMs) {
      const { group = '', version = '', resource: plural = '', subresource = '' } = resource ?? {};
      const labels = { verb: resource ? verb.toUpperCase() : 'PAGE', group, version, resource: plural, subresource };
      total.add({ ...labels, code: String(code) });
      if (verb !== 'watch') duration.observe(durationMs / 1000, { verb: labels.verb, resource: plural });
    },
  };
}
