import { resolve } from 'node:path';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { createLogger, type LogLevel } from '@flotilla/shared/log/logger.js';
import { writeCompiled } from '@flotilla/shared/platform/compile-cache.js';
import { untilSignal } from '@flotilla/shared/platform/until-signal.js';
import type { MdnsAnswerer } from './answer-mdns.ts';
import { parseListen, parseSeconds } from './parse.ts';
import { runHub } from './run-hub.ts';

export interface HubCommandOptions {
  readonly dataDir: string;
  readonly listen: string;
  readonly mqttListen: string;
  readonly store: 'sqlite' | 'etcd' | 'memory';
  readonly etcdEndpoints: string;
  readonly names?: string;
  readonly podCidr: string;
  readonly serviceClusterIpRange: string;
  readonly serviceNodePortRange: string;
  readonly advertiseAddress?: string;
  readonly mdns?: boolean;
  readonly controllers: string;
  readonly scheduler: string;
  readonly defaultNotReadyTolerationSeconds?: string;
  readonly defaultUnreachableTolerationSeconds?: string;
  readonly logLevel: LogLevel;
}

export async function hubCommand(options: HubCommandOptions): Promise<void> {
  const stopped = untilSignal();
  const { hub, kubeconfig } = await runHub({
    dataDir: resolve(process.env['INIT_CWD'] ?? process.cwd(), options.dataDir),
    listen: parseListen('--listen', options.listen),
    mqttListen: options.mqttListen === 'none' ? undefined : parseListen('--mqtt-listen', options.mqttListen),
    store: options.store,
    etcdEndpoints: list(options.etcdEndpoints),
    ...(options.names === undefined ? {} : { names: list(options.names) }),
    podCidr: options.podCidr,
    serviceClusterIpRange: options.serviceClusterIpRange,
    serviceNodePortRange: options.serviceNodePortRange,
    ...(options.advertiseAddress === undefined ? {} : { advertiseAddress: options.advertiseAddress }),
    controllers: list(options.controllers),
    scheduler: switched('--scheduler', options.scheduler),
    tolerations: {
      ...seconds('notReadySeconds', '--default-not-ready-toleration-seconds', options.defaultNotReadyTolerationSeconds),
      ...seconds('unreachableSeconds', '--default-unreachable-toleration-seconds', options.defaultUnreachableTolerationSeconds),
    },
    logLevel: options.logLevel,
  });
  const mdns = options.mdns && hub.apiPort !== undefined ? await startMdns(hub.apiPort, options.logLevel) : undefined;
  process.stdout.write(`API: https://127.0.0.1:${hub.apiPort}\n`);
  if (hub.mqttPort !== undefined) process.stdout.write(`MQTT: port ${hub.mqttPort}\n`);
  process.stdout.write(`kubeconfig: ${kubeconfig}\nThe hub is ready\n`);
  writeCompiled();
  await stopped;
  await mdns?.close();
  await hub.stop();
}

async function startMdns(port: number, level: LogLevel): Promise<MdnsAnswerer> {
  const { answerMdns } = await import('./answer-mdns.ts');
  const clock = new SystemClock();
  const logger = createLogger({ level, wallMs: () => clock.wallMs(), write: (line) => void process.stderr.write(line) });
  return await answerMdns({ clock, logger, port });
}

const list = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

function seconds<Name extends string>(name: Name, option: string, text: string | undefined): { readonly [key in Name]?: number } {
  return text === undefined ? {} : ({ [name]: parseSeconds(option, text) } as { [key in Name]: number });
}

function switched(option: string, text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new Error(`${option} ${JSON.stringify(text)} is neither true nor false`);
  return text === 'true';
}
