import type { WorkQueueMetrics } from '@flotilla/shared/workqueue/work-queue.js';
import type { Labels, Metrics } from './metrics.ts';

/** What the process costs, from whoever may ask the machine. */
export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  /** Time in which the event loop had work, since the start. */
  readonly loopActiveSeconds: number;
}

/** Where the figures of the hub's parts are; each is read when metrics are asked for. */
export interface HubFigures {
  readonly usage: (() => ProcessUsage) | undefined;
  readonly cache: () => {
    readonly objects: Iterable<readonly [bucket: string, objects: number]>;
    readonly watchers: number;
    readonly events: number;
    readonly tellingMs: number;
  };
  readonly link: () => {
    readonly counters: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
    readonly load: Readonly<Record<string, number>>;
    readonly workMs: number;
  };
  readonly revision: () => number;
}

export interface HubMetrics {
  readonly workQueues: WorkQueueMetrics;
  /** A client of the hub's own wrote something. */
  wrote(user: string): void;
  /** How many pods wait for a node. */
  pendingPods(read: () => number): void;
}

const workBuckets = [0.001, 0.01, 0.1, 1, 10];

/** What the hub's parts cost; names are Kubernetes' where it has them. */
export function registerHubMetrics(metrics: Metrics, figures: HubFigures): HubMetrics {
  const { usage } = figures;
  if (usage) {
    metrics.collected('process_cpu_seconds_total', 'User and system CPU time, all threads.', 'counter', () => one(usage().cpuSeconds));
    metrics.gauge('process_resident_memory_bytes', 'Resident memory.', () => usage().residentBytes);
    metrics.gauge('nodejs_heap_size_used_bytes', 'Heap in use, garbage not yet collected included.', () => usage().heapUsedBytes);
    metrics.collected('nodejs_eventloop_active_seconds_total', 'Time in which the event loop had work.', 'counter', () =>
      one(usage().loopActiveSeconds),
    );
  }
  metrics.collected('apiserver_storage_objects', 'Objects by resource.', 'gauge', () =>
    [...figures.cache().objects].map(([bucket, objects]) => [{ resource: resourceOf(bucket) }, objects]),
  );
  metrics.gauge('flotilla_store_revision', 'The newest revision: each write of anybody is one.', figures.revision);
  metrics.gauge('flotilla_watch_watchers', "Watches under way, of clients and of the hub's own parts.", () => figures.cache().watchers);
  metrics.collected('flotilla_watch_events_total', 'Changes told to watchers.', 'counter', () => one(figures.cache().events));
  metrics.collected(
    'flotilla_part_seconds_total',
    "Time on the event loop: `watch` is telling changes, the hub's own handlers of them included, `link` is taking what boards send.",
    'counter',
    () => [
      [{ part: 'watch' }, figures.cache().tellingMs / 1000],
      [{ part: 'link' }, figures.link().workMs / 1000],
    ],
  );
  metrics.collected('flotilla_link_total', 'What happened on the link to the boards, by what it was.', 'counter', () =>
    Object.entries(figures.link().counters).flatMap(([name, value]): (readonly [Labels, number])[] =>
      typeof value === 'number'
        ? [[{ what: snake(name) }, value]]
        : Object.entries(value).map(([reason, count]) => [{ what: snake(name), reason }, count]),
    ),
  );
  metrics.collected('flotilla_link_load', 'What the link carries now, by what it is.', 'gauge', () =>
    Object.entries(figures.link().load).map(([name, value]) => [{ what: snake(name) }, value]),
  );
  const writes = metrics.counter('flotilla_own_writes_total', "Writes of the hub's own parts; those of boards under one name.");
  return {
    workQueues: workQueueMetrics(metrics),
    wrote: (user) => writes.add({ user: user.startsWith('system:node:') ? 'boards' : user.slice(user.lastIndexOf(':') + 1) }),
    pendingPods: (read) => metrics.gauge('scheduler_pending_pods', 'Pods that wait for a node.', read),
  };
}

function workQueueMetrics(metrics: Metrics): WorkQueueMetrics {
  const depths = new Map<string, number>();
  metrics.collected('workqueue_depth', 'Keys that wait.', 'gauge', () => [...depths].map(([name, keys]) => [{ name }, keys]));
  const adds = metrics.counter('workqueue_adds_total', 'Keys added.');
  const retries = metrics.counter('workqueue_retries_total', 'Keys added again after a failure.');
  const work = metrics.histogram('workqueue_work_duration_seconds', 'Time from taking a key to the end of its look.', workBuckets);
  const queued = metrics.histogram('workqueue_queue_duration_seconds', 'Time that a key waited.', workBuckets);
  return {
    depth: (name, keys) => void depths.set(name, keys),
    added: (name) => adds.add({ name }),
    retried: (name) => retries.add({ name }),
    workedMs: (name, ms) => work.observe(ms / 1000, { name }),
    queuedMs: (name, ms) => queued.observe(ms / 1000, { name }),
  };
}

function* one(value: number): Generator<readonly [Labels, number]> {
  yield [{}, value];
}

/** `/registry/apps/deployments/` → `deployments.apps`, as kube-apiserver writes it. */
function resourceOf(bucket: string): string {
  const [, , group = '', resource = ''] = bucket.split('/');
  return group === '' || group === 'core' ? resource : `${resource}.${group}`;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
