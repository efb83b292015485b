import { describe, expect, it } from 'vitest';
import { MetricSamples } from './metric-samples.ts';
import { topText } from './top-text.ts';

const exposed = (cpu: number, messages: number): string => `# HELP process_cpu_seconds_total x
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total ${cpu}
process_resident_memory_bytes 200000000
apiserver_storage_objects{resource="pods"} 100
apiserver_storage_objects{resource="nodes"} 10
flotilla_link_load{what="sessions"} 10
flotilla_link_total{what="messages"} ${messages}
flotilla_part_seconds_total{part="link"} ${messages / 10_000}
flotilla_own_writes_total{user="boards"} ${messages}
flotilla_own_writes_total{user="node-controller"} 4
workqueue_depth{name="node \\"lifecycle\\""} 3
workqueue_work_duration_seconds_sum{name="node \\"lifecycle\\""} 0.5
workqueue_work_duration_seconds_count{name="node \\"lifecycle\\""} 100
`;

describe('MetricSamples', () => {
  it('sums what has the labels, and knows what is not there', () => {
    const samples = new MetricSamples(exposed(1, 50));
    expect(samples.sum('apiserver_storage_objects')).toBe(110);
    expect(samples.sum('apiserver_storage_objects', { resource: 'pods' })).toBe(100);
    expect(samples.sum('apiserver_storage_objects', { resource: 'secrets' })).toBe(0);
    expect(samples.values('workqueue_depth', 'name')).toEqual(['node "lifecycle"']);
    expect(samples.sum('nothing')).toBe(0);
  });

  it('leaves out what is no sample', () => {
    expect(new MetricSamples('nonsense\n{} 1\n').sum('nonsense')).toBe(0);
  });
});

it('tells rates over the time between, and what things are now', () => {
  const text = topText(new MetricSamples(exposed(1, 50)), new MetricSamples(exposed(2, 1050)), 10);
  expect(text).toContain('CPU 10 % of a core');
  expect(text).toContain('10 boards connected, 100 pods, ');
  expect(text).toContain('10000 µs of CPU a second for each');
  expect(text).toMatch(/^link +1 % +100 messages\/s +/m);
  expect(text).toMatch(/^store +.*110 objects$/m);
  expect(text).toMatch(/^boards +100\/s +1050$/m);
  expect(text).toMatch(/^node-controller +0\/s +4$/m);
  expect(text).toMatch(/^node "lifecycle" +3 +100 +5 ms$/m);
});
