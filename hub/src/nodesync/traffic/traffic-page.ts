import { notFound } from '@flotilla/shared/errors/status.js';
import { trafficClasses } from '@flotilla/shared/protocol/traffic-messages.js';
import type { KnownTraffic, TrafficPart } from './traffic-part.ts';

export const trafficPath = '/flotilla/v1/admin/traffic';

/**
 * Below `trafficPath`: the figures of one board as JSON (KnownTraffic), or without a name those of all as metrics. Those of each board are
 * here and not among the hub's own metrics because of their number.
 */
export function trafficPage(part: Pick<TrafficPart, 'figures' | 'all'>): (node: string) => Promise<{ contentType: string; body: string }> {
  return async (node) => {
    if (node === '') return { contentType: 'text/plain; version=0.0.4; charset=utf-8', body: metricsText(part.all()) };
    const known = await part.figures(node);
    if (!known) throw notFound({ group: '', resource: 'traffic' }, node);
    return { contentType: 'application/json', body: JSON.stringify(known) };
  };
}

function metricsText(boards: readonly KnownTraffic[]): string {
  const name = 'flotilla_board_uplink_bytes_total';
  const lines = [`# HELP ${name} Bytes on the uplink of a board since it counts, as it said last.`, `# TYPE ${name} counter`];
  for (const { node, traffic } of boards) {
    for (const one of trafficClasses) {
      const counts = traffic.classes[one];
      if (!counts) continue;
      for (const direction of ['up', 'down'] as const)
        lines.push(`${name}{node=${JSON.stringify(node)},class="${one}",direction="${direction}"} ${counts[direction]}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
