import { parseArgs } from 'node:util';
import { ConfigError, parseAgentConfig } from '#config/agent-config.ts';
import { type BehaviourShares, behaviourNames, parseBehaviours } from './behaviours.ts';

export interface SimulateConfig {
  readonly hubs: readonly string[];
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  readonly boards: number;
  readonly first: number;
  readonly prefix: string;
  readonly processes: number;
  readonly behaviours: BehaviourShares;
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: Readonly<Record<string, string>>;
  readonly keepAliveMs: number;
  readonly podStartMs: number;
  readonly podExitMs: number | undefined;
  readonly secretFile: string | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

/** What the agent has too, and means the same. */
const agentFlags = ['hub', 'token', 'token-file', 'node-labels', 'capacity', 'keep-alive', 'log-level'] as const;
const mostBoards = 100_000;

interface OwnFlag {
  readonly type: string;
  readonly fallback?: string;
  readonly description: string;
}

const ownFlags = {
  boards: { type: 'N', fallback: '10', description: 'how many boards' },
  first: { type: 'N', fallback: '0', description: 'the number of the first one; boards are called PREFIX-NUMBER' },
  prefix: { type: 'NAME', fallback: 'board', description: 'what their names begin with' },
  processes: { type: 'N', fallback: '1', description: 'among how many processes they are shared out; one carries about 8,000 boards' },
  behaviour: {
    type: 'NAME=P%,…',
    fallback: '',
    description: `which share of the boards misbehaves: ${behaviourNames.join(', ')}`,
  },
  'pod-start': { type: 'MS', fallback: '0', description: 'what starting a container takes' },
  'pod-exit': { type: 'MS', description: 'when a container ends by itself, with exit code 0; never when left out' },
  'secret-file': {
    type: 'FILE',
    description: "what the boards' keys are made of; made when it is not there. Without it the boards of the next run are others",
  },
} as const satisfies Record<string, OwnFlag>;

/** @throws ConfigError that names the option and what it should be */
export function parseSimulateConfig(argv: readonly string[]): SimulateConfig {
  const names = [...agentFlags, ...Object.keys(ownFlags)];
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const, multiple: name === 'hub' }]));
  let values: Record<string, unknown>;
  try {
    values = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new ConfigError(error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error));
  }
  const given = agentFlags.flatMap((flag) => [values[flag] ?? []].flat().flatMap((value) => [`--${flag}`, String(value)]));
  const agent = parseAgentConfig(given);
  const text = (flag: keyof typeof ownFlags): string | undefined => {
    const own: OwnFlag = ownFlags[flag];
    return typeof values[flag] === 'string' ? values[flag] : own.fallback;
  };
  const number = (flag: keyof typeof ownFlags, least: number, most: number): number => {
    const value = Number(text(flag));
    if (!/^\d+$/.test(text(flag) ?? '') || value < least || value > most)
      throw new ConfigError(`--${flag}: ${JSON.stringify(text(flag))} is not a number from ${least} to ${most}`);
    return value;
  };
  const prefix = text('prefix') ?? '';
  if (!/^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$/.test(prefix))
    throw new ConfigError(`--prefix: ${JSON.stringify(prefix)} is not a name of lower-case letters, digits and '-'`);
  return {
    hubs: agent.hubs,
    token: agent.token,
    tokenFile: agent.tokenFile,
    boards: number('boards', 1, mostBoards),
    first: number('first', 0, 2 ** 31),
    prefix,
    processes: number('processes', 1, 64),
    behaviours: behaviours(text('behaviour') ?? ''),
    labels: agent.labels,
    capacity: agent.capacity,
    keepAliveMs: agent.keepAliveMs ?? 20_000,
    podStartMs: number('pod-start', 0, 3_600_000),
    podExitMs: text('pod-exit') === undefined ? undefined : number('pod-exit', 1, 2 ** 31),
    secretFile: text('secret-file'),
    logLevel: values['log-level'] === undefined ? 'warn' : agent.logLevel,
  };
}

/** The options as help text, one a line. */
export function simulateHelp(): string {
  const lines = Object.entries<OwnFlag>(ownFlags).map(([flag, { type, description, fallback }]) => ({
    left: `--${flag} ${type}`,
    right: `${description}${fallback ? ` (${fallback})` : ''}`,
  }));
  const width = Math.max(...lines.map(({ left }) => left.length));
  const shared = agentFlags.map((flag) => `--${flag}`).join(', ');
  return `${lines.map(({ left, right }) => `  ${left.padEnd(width)}  ${right}\n`).join('')}  ${shared}: as the agent's\n`;
}

function behaviours(text: string): BehaviourShares {
  try {
    return parseBehaviours(text);
  } catch (error) {
    throw new ConfigError(`--behaviour: ${error instanceof Error ? error.message : String(error)}`);
  }
}
