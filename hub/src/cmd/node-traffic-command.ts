import { budgetAnnotations } from '@flotilla/shared/api/board-budget.js';
import type { Node } from '@flotilla/shared/api/generated/types.js';
import { kubeTime } from '@flotilla/shared/clock/clock.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { isConflict } from '@flotilla/shared/errors/status.js';
import { tableLines } from '@flotilla/shared/platform/text-table.js';
import { trafficClasses } from '@flotilla/shared/protocol/traffic-messages.js';
import { bytesText } from '@flotilla/shared/quantity/bytes-text.js';
import { trafficPath } from '#nodesync/traffic/traffic-page.ts';
import type { KnownTraffic } from '#nodesync/traffic/traffic-part.ts';
import { type ApiClient, apiClient } from './api-client.ts';
import { parseDuration } from './parse.ts';

export interface NodeTrafficCommandOptions {
  /** For how long the data budget shall hold nothing back; 0 ends it. */
  readonly override?: string;
  readonly json?: boolean;
  readonly kubeconfig?: string;
}

const attempts = 5;

/** Shows what a board's link and flash carried, or lets it go beyond its data budget for a while. */
export async function nodeTrafficCommand(name: string, { override, json, kubeconfig }: NodeTrafficCommandOptions): Promise<void> {
  const api = apiClient(kubeconfig);
  if (override !== undefined) return setOverride(api, name, override);
  await api.get<Node>(pathOf(name));
  const known = await api.get<KnownTraffic>(`${trafficPath}/${encodeURIComponent(name)}`);
  process.stdout.write(json ? `${JSON.stringify(known)}\n` : trafficText(known));
}

/** The figures in lines for a person. */
export function trafficText({ node, asOfMs, traffic }: KnownTraffic): string {
  const { budgetBytes, classes, flash, keepAliveMs, monthSinceMs, overrideUntilMs, profile, shed, sinceMs } = traffic;
  const rows = trafficClasses.flatMap((name) => {
    const counts = classes[name];
    return counts ? [{ name, ...counts, month: counts.monthUp + counts.monthDown }] : [];
  });
  const sum = (of: (row: (typeof rows)[number]) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const month = sum((row) => row.month);
  const share = (bytes: number): string => (budgetBytes === undefined ? '-' : `${Math.floor((bytes * 100) / budgetBytes)} %`);
  const table = [
    ['CLASS', 'UP', 'DOWN', 'THIS MONTH', 'OF BUDGET'],
    ...rows.map((row) => [row.name, bytesText(row.up), bytesText(row.down), bytesText(row.month), share(row.month)]),
    ['all', bytesText(sum(({ up }) => up)), bytesText(sum(({ down }) => down)), bytesText(month), share(month)],
  ];
  const budget = budgetBytes === undefined ? 'none' : `${bytesText(budgetBytes)} a month, ${share(month)} used`;
  const held = shed.length > 0 ? `; held back: ${shed.join(', ')}` : '';
  const overridden = overrideUntilMs === undefined ? '' : `; overridden until ${kubeTime(overrideUntilMs)}`;
  const flashBudget = flash.budgetBytes === undefined ? 'no budget' : `budget ${bytesText(flash.budgetBytes)} a day`;
  return [
    `Node ${node}, profile ${profile}, as of ${kubeTime(asOfMs)}`,
    `Counted since ${kubeTime(sinceMs)}; this month since ${kubeTime(monthSinceMs)}`,
    `Data budget: ${budget}${held}${overridden}`,
    `Keep-alive: ${keepAliveMs === 0 ? 'unknown' : `${keepAliveMs / 1000} s`}`,
    `Flash, since midnight UTC: ${bytesText(flash.bytes)} with ${flash.syncs} syncs; ${flashBudget}`,
    '',
    ...tableLines(table),
    '',
  ].join('\n');
}

const pathOf = (name: string): string => `/api/v1/nodes/${encodeURIComponent(name)}`;

async function setOverride(api: ApiClient, name: string, duration: string): Promise<void> {
  const ms = duration === '0' ? 0 : parseDuration('--override', duration);
  const until = ms === 0 ? undefined : kubeTime(new SystemClock().wallMs() + ms);
  for (let attempt = 1; ; attempt++) {
    const node = await api.get<Node>(pathOf(name));
    const { [budgetAnnotations.dataBudgetOverride]: _was, ...rest } = node.metadata?.annotations ?? {};
    const annotations = until === undefined ? rest : { ...rest, [budgetAnnotations.dataBudgetOverride]: until };
    try {
      await api.put(pathOf(name), { ...node, metadata: { ...node.metadata, annotations } });
      break;
    } catch (error) {
      if (!isConflict(error) || attempt === attempts) throw error;
    }
  }
  process.stdout.write(
    until === undefined ? `the data budget of ${name} counts\n` : `the data budget of ${name} holds nothing back until ${until}\n`,
  );
}
