import { expect, it } from 'vitest';
import { registerHubMetrics } from './hub-metrics.ts';
import { createMetrics } from './metrics.ts';

function world(usage: boolean) {
  const metrics = createMetrics();
  const counters = { messages: 7, slowConsumers: 1, refused: { busy: 2, unauthorized: 3 } };
  const objects: [string, number][] = [
    ['/registry/core/pods/', 40],
    ['/registry/apps/deployments/', 2],
  ];
  const parts = registerHubMetrics(metrics, {
    usage: usage ? () => ({ cpuSeconds: 1.5, residentBytes: 1e8, heapUsedBytes: 5e7, loopActiveSeconds: 1.25 }) : undefined,
    cache: () => ({ objects, watchers: 12, events: 99, tellingMs: 250 }),
    link: () => ({ counters, load: { sessions: 20, queuedBytes: 0 }, workMs: 500 }),
    revision: () => 142,
  });
  return { metrics, parts };
}

it('says what each part holds and did, under Kubernetes’ names where it has them', () => {
  const { metrics, parts } = world(true);
  parts.wrote('system:serviceaccount:kube-system:replicaset-controller');
  parts.wrote('system:node:board-1');
  parts.wrote('system:node:board-2');
  parts.pendingPods(() => 3);
  parts.workQueues.depth?.('replicaset', 4);
  parts.workQueues.added?.('replicaset');
  parts.workQueues.workedMs?.('replicaset', 5);
  const text = metrics.expose();
  for (const line of [
    'process_cpu_seconds_total 1.5',
    'process_resident_memory_bytes 100000000',
    'apiserver_storage_objects{resource="pods"} 40',
    'apiserver_storage_objects{resource="deployments.apps"} 2',
    'flotilla_store_revision 142',
    'flotilla_watch_watchers 12',
    'flotilla_watch_events_total 99',
    'flotilla_part_seconds_total{part="watch"} 0.25',
    'flotilla_part_seconds_total{part="link"} 0.5',
    'flotilla_link_total{what="messages"} 7',
    'flotilla_link_total{what="slow_consumers"} 1',
    'flotilla_link_total{what="refused",reason="busy"} 2',
    'flotilla_link_load{what="sessions"} 20',
    'flotilla_own_writes_total{user="replicaset-controller"} 1',
    'flotilla_own_writes_total{user="boards"} 2',
    'scheduler_pending_pods 3',
    'workqueue_depth{name="replicaset"} 4',
    'workqueue_adds_total{name="replicaset"} 1',
    'workqueue_work_duration_seconds_bucket{name="replicaset",le="0.01"} 1',
  ])
    expect(text.split('\n')).toContain(line);
});

it('says nothing of a process that it was not given', () => {
  expect(world(false).metrics.expose()).not.toContain('process_');
});
