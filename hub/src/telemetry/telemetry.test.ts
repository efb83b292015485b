import { expect, test } from 'vitest';
import { HealthRegistry } from './health.ts';
import { createMetrics } from './metrics.ts';

test('metrics are written as Prometheus reads them', () => {
  const metrics = createMetrics();
  const requests = metrics.counter('requests_total', 'All.\nOf them.');
  requests.add({ path: 'a"b\\c\n' });
  requests.add({ path: 'a"b\\c\n' }, 2);
  metrics.gauge('open', 'Now.', () => 7);
  const seconds = metrics.histogram('seconds', 'Times.', [0.1, 1]);
  seconds.observe(0.05, { verb: 'GET' });
  seconds.observe(0.5, { verb: 'GET' });
  seconds.observe(5, { verb: 'GET' });
  expect(metrics.expose()).toBe(
    [
      '# HELP requests_total All.\\nOf them.',
      '# TYPE requests_total counter',
      'requests_total{path="a\\"b\\\\c\\n"} 3',
      '# HELP open Now.',
      '# TYPE open gauge',
      'open 7',
      '# HELP seconds Times.',
      '# TYPE seconds histogram',
      'seconds_bucket{verb="GET",le="0.1"} 1',
      'seconds_bucket{verb="GET",le="1"} 2',
      'seconds_bucket{verb="GET",le="+Inf"} 3',
      'seconds_sum{verb="GET"} 5.55',
      'seconds_count{verb="GET"} 3',
      '',
    ].join('\n'),
  );
  expect(() => metrics.gauge('open', 'Again.', () => 0)).toThrow(/twice/);
});

test('labels cannot eat the memory', () => {
  const metrics = createMetrics();
  const counter = metrics.counter('c', 'C.');
  for (let index = 0; index < 1500; index++) counter.add({ index: String(index) });
  const lines = metrics.expose().split('\n');
  expect(lines.length).toBeLessThan(1010);
  expect(lines).toContain('c{overflow="true"} 500');
});

test('health is the sum of its checks', async () => {
  const health = new HealthRegistry();
  expect(await health.run('livez')).toEqual({ ok: true, checks: [{ name: 'ping', ok: true, excluded: false }] });
  health.add('store', () => Promise.reject(new Error('disk full')), ['readyz']);
  expect((await health.run('livez')).ok).toBe(true);
  const ready = await health.run('readyz');
  expect(ready.ok).toBe(false);
  expect(ready.checks[1]).toEqual({ name: 'store', ok: false, excluded: false, reason: 'disk full' });
  expect((await health.run('readyz', new Set(['store']))).ok).toBe(true);
});
