import { tableLines } from '@flotilla/shared/platform/text-table.js';
import { bytesText } from '@flotilla/shared/quantity/bytes-text.js';
import type { MetricSamples } from './metric-samples.ts';

/** What the hub is and does, from its metrics at two moments: totals, a line for each part, and the parts that wrote most. */
export function topText(before: MetricSamples, now: MetricSamples, seconds: number): string {
  const rate = (name: string, labels?: Readonly<Record<string, string>>): number =>
    (now.sum(name, labels) - before.sum(name, labels)) / seconds;
  const boards = now.sum('flotilla_link_load', { what: 'sessions' });
  const objects = now.sum('apiserver_storage_objects');
  const pods = now.sum('apiserver_storage_objects', { resource: 'pods' });
  const resident = now.sum('process_resident_memory_bytes');
  const cpu = rate('process_cpu_seconds_total');
  const rows = [
    ['PART', 'LOOP', 'RATE', 'WAITING'],
    [
      'API',
      '',
      `${amount(rate('apiserver_request_total'))} requests/s`,
      `${['reads', 'writes', 'streams'].map((kind) => `${now.sum(`flotilla_apiserver_inflight_${kind}`)} ${kind}`).join(', ')} under way`,
    ],
    [
      'watch',
      share(rate('flotilla_part_seconds_total', { part: 'watch' })),
      `${amount(rate('flotilla_watch_events_total'))} changes/s`,
      `${now.sum('flotilla_watch_watchers')} watchers`,
    ],
    ['controllers', '', `${amount(rate('workqueue_work_duration_seconds_count'))} looks/s`, `${now.sum('workqueue_depth')} keys`],
    [
      'scheduler',
      '',
      `${amount(rate('flotilla_own_writes_total', { user: 'kube-scheduler' }))} writes/s`,
      `${now.sum('scheduler_pending_pods')} pods`,
    ],
    [
      'link',
      share(rate('flotilla_part_seconds_total', { part: 'link' })),
      `${amount(rate('flotilla_link_total', { what: 'messages' }))} messages/s`,
      `${bytesText(now.sum('flotilla_link_load', { what: 'queued_bytes' }))} to send, ${now.sum('flotilla_link_load', { what: 'waiting' })} connecting`,
    ],
    ['store', '', `${amount(rate('flotilla_store_revision'))} writes/s`, `${objects} objects`],
  ];
  const perBoard = boards > 0 ? `, ${bytesText(resident / boards)} and ${amount((cpu * 1e6) / boards)} µs of CPU a second for each` : '';
  return [
    `CPU ${share(cpu)} of a core, event loop ${share(rate('nodejs_eventloop_active_seconds_total'))} busy`,
    `Memory ${bytesText(resident)}, heap ${bytesText(now.sum('nodejs_heap_size_used_bytes'))}`,
    `${boards} boards connected, ${pods} pods${perBoard}`,
    '',
    ...tableLines(rows, '  '),
    '',
    ...tableLines([['WRITES OF', 'RATE', 'SINCE THE START'], ...writers(before, now, seconds)], '  '),
    '',
    ...tableLines([['CONTROLLER', 'WAITING', 'LOOKS', 'TIME OF EACH'], ...queues(now)], '  '),
    '',
  ].join('\n');
}

const mostRows = 12;

function writers(before: MetricSamples, now: MetricSamples, seconds: number): string[][] {
  const name = 'flotilla_own_writes_total';
  return now
    .values(name, 'user')
    .map((user) => ({ user, total: now.sum(name, { user }), since: now.sum(name, { user }) - before.sum(name, { user }) }))
    .sort((one, other) => other.since - one.since || other.total - one.total)
    .slice(0, mostRows)
    .map(({ user, total, since }) => [user, `${amount(since / seconds)}/s`, String(total)]);
}

function queues(now: MetricSamples): string[][] {
  return now.values('workqueue_depth', 'name').map((name) => {
    const looks = now.sum('workqueue_work_duration_seconds_count', { name });
    const ms = looks > 0 ? (now.sum('workqueue_work_duration_seconds_sum', { name }) / looks) * 1000 : 0;
    return [name, String(now.sum('workqueue_depth', { name })), String(looks), `${amount(ms)} ms`];
  });
}

function share(part: number): string {
  return `${amount(part * 100)} %`;
}

/** Three digits are enough. */
function amount(value: number): string {
  return String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(2)));
}
