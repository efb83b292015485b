import type { Clock } from '@flotilla/shared/clock/clock.js';
import { describeError } from '@flotilla/shared/log/logger.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { Generation } from '@flotilla/shared/protocol/messages.js';
import { operationLimits } from '@flotilla/shared/protocol/operation-messages.js';
import type { PodSnapshot } from '#pods/pod-doors.ts';
import type { Runtime } from '#runtime/types.ts';
import type { Act } from './board-operations.ts';
import type { LinkHistory } from './link-history.ts';
import type { RecentLog } from './recent-log.ts';

export interface CollectDiagnosticsOptions {
  readonly clock: Clock;
  readonly files: Pick<Files, 'readText' | 'space'>;
  readonly dataDir: string;
  readonly agentVersion: string;
  readonly nodeName: string;
  readonly runtime: Pick<Runtime, 'name' | 'version' | 'images'>;
  readonly pods: { snapshots(): Iterable<PodSnapshot> };
  /** v1.NodeStatus as the board knows itself. */
  readonly nodeStatus: () => Record<string, unknown>;
  /** The phase of a pod as the board reports it. */
  readonly phaseOf: (snapshot: PodSnapshot) => unknown;
  readonly generation: () => Generation | undefined;
  readonly link: Pick<LinkHistory, 'sessions'>;
  readonly log: Pick<RecentLog, 'lines'>;
}

const mostPods = 256;
const memoryNames = ['MemTotal', 'MemFree', 'MemAvailable', 'Cached', 'SwapTotal', 'SwapFree'];

/**
 * A report about this board, as JSON of at most 256 KiB. It holds what the board tells the hub anyway, and the agent's own log: neither
 * environment, files nor output of containers, and nothing of Secrets. What cannot be found out is told as an error in its place.
 */
export function collectDiagnostics(options: CollectDiagnosticsOptions): Act {
  return async () => {
    const { clock, link, log, nodeName } = options;
    const report = {
      node: nodeName,
      collected: { ownClock: new Date(clock.wallMs()).toISOString(), secondsAfterBoot: Math.round(clock.bootMs() / 1000) },
      agent: { version: options.agentVersion, generation: options.generation() ?? null, sessions: link.sessions },
      board: options.nodeStatus(),
      machine: await machine(options),
      runtime: await runtimeOf(options),
      pods: [...options.pods.snapshots()].slice(0, mostPods).map((snapshot) => podOf(snapshot, options.phaseOf(snapshot))),
      lastErrors: log.lines.filter((line) => /"level":"(warn|error)"/.test(line)).slice(-50),
      log: [...log.lines],
    };
    const diagnostics = fitting(report);
    return { phase: 'Succeeded', message: `Collected ${Buffer.byteLength(diagnostics)} bytes.`, diagnostics };
  };
}

async function machine({ files, dataDir }: CollectDiagnosticsOptions): Promise<object> {
  const read = async (path: string): Promise<string> => ((await files.readText(path).catch(() => undefined)) ?? '').trim();
  const memory = await read('/proc/meminfo');
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(memory)?.[1] ?? 0);
  return {
    memoryKiB: Object.fromEntries(memoryNames.map((name) => [name, kilobytes(name)])),
    load: (await read('/proc/loadavg')).split(' ').slice(0, 4).join(' '),
    uptimeSeconds: Math.round(Number((await read('/proc/uptime')).split(' ')[0] ?? 0)),
    pressure: Object.fromEntries(
      await Promise.all(
        ['cpu', 'memory', 'io'].map(async (what) => [what, (await read(`/proc/pressure/${what}`)).split('\n')[0]] as const),
      ),
    ),
    disk: await files.space(dataDir).catch((error: unknown) => ({ error: describeError(error) })),
  };
}

async function runtimeOf({ runtime }: CollectDiagnosticsOptions): Promise<object> {
  const { name } = runtime;
  try {
    const images = await runtime.images();
    const imageBytes = images.reduce((sum, { bytes }) => sum + bytes, 0);
    return { name, version: await runtime.version(), images: images.length, imageBytes };
  } catch (error) {
    return { name, error: describeError(error) };
  }
}

function podOf({ uid, record, memory, sandboxes, removing }: PodSnapshot, phase: unknown): object {
  return {
    namespace: record.namespace,
    name: record.name,
    uid,
    phase,
    ...(removing ? { removing } : {}),
    sandboxes: sandboxes.map(({ id, ready, ip }) => ({ id, ready, ip })),
    containers: Object.entries(record.containers).map(([name, { attempt, image, ended }]) => ({
      name,
      image,
      restartCount: attempt,
      ...(ended ? { ended: { exitCode: ended.exitCode, reason: ended.reason, atOwnClockMs: ended.finishedWallMs } } : {}),
      ...(memory.containers.get(name)?.waiting ? { waiting: memory.containers.get(name)?.waiting } : {}),
    })),
  };
}

/** Leaves the oldest lines of the log out, then pods, until it fits. */
function fitting<Report extends { log: string[]; pods: object[]; board: object }>(report: Report): string {
  for (;;) {
    const text = JSON.stringify(report, null, 1);
    if (Buffer.byteLength(text) <= operationLimits.diagnosticsBytes) return text;
    if (report.log.length > 0) report.log.splice(0, Math.ceil(report.log.length / 4));
    else if (report.pods.length > 0) report.pods.splice(Math.floor(report.pods.length / 2));
    else report.board = {};
  }
}
