import { once } from 'node:events';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { untilSignal } from '@flotilla/shared/platform/until-signal.js';
import { ConfigError, parseAgentConfig } from '#config/agent-config.ts';
import { answerLocally, type LocalRequest } from '../local/local-desk.ts';
import { runtimeSource } from '../local/runtime-source.ts';
import { createRuntime } from './create-runtime.ts';
import { askAgent } from './local-socket.ts';
import { lockDataDir } from './lock-data-dir.ts';

/** Asks the agent of this board, or the container runtime where none runs. @throws Error with a message for whoever typed it */
export async function localCommand(argv: readonly string[]): Promise<void> {
  const { request, config } = parse(argv);
  const dataDir = resolve(process.env['INIT_CWD'] ?? process.cwd(), config.dataDir);
  const answer = await askAgent(dataDir, request);
  if (answer) return print(answer);
  const clock = new SystemClock();
  const logger = silentLogger;
  // Nobody may begin meanwhile: an agent ends the runtime's service that it finds.
  await lockDataDir(dataDir, { clock, logger }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new Error(`${dataDir} is no data directory of an agent`) : error;
  });
  const runtime = await createRuntime(config, { clock, exec: new SystemExec(), logger, dataDir });
  const stopping = new AbortController();
  void untilSignal().then(() => stopping.abort());
  await runtime.start();
  try {
    await print(answerLocally(runtimeSource({ runtime, dataDir }), request, stopping.signal));
  } finally {
    await runtime.close();
  }
}

async function print(answer: AsyncIterable<Buffer>): Promise<void> {
  for await (const text of answer) if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

function parse([name, ...args]: readonly string[]): { request: LocalRequest; config: ReturnType<typeof parseAgentConfig> } {
  const own = {
    container: { type: 'string', short: 'c' },
    follow: { type: 'boolean', short: 'f' },
    previous: { type: 'boolean', short: 'p' },
    tail: { type: 'string' },
  } as const;
  const shared = { 'data-dir': { type: 'string' }, 'podman-storage': { type: 'string' }, runtime: { type: 'string' } } as const;
  const options = { ...shared, ...(name === 'logs' ? own : {}) };
  const parsed = (() => {
    try {
      return parseArgs({ args, options, strict: true, allowPositionals: true });
    } catch (error) {
      throw new ConfigError(error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error));
    }
  })();
  const values = parsed.values as Record<string, string | boolean | undefined>;
  const config = parseAgentConfig(
    Object.keys(shared).flatMap((flag) => (typeof values[flag] === 'string' ? [`--${flag}`, values[flag]] : [])),
  );
  return { request: requestOf(name, parsed.positionals, values), config };
}

function requestOf(name: string | undefined, pods: readonly string[], values: Record<string, string | boolean | undefined>): LocalRequest {
  const [pod, ...more] = pods;
  if (name === 'ps' || name === 'facts') {
    if (pod !== undefined) throw new ConfigError(`${name} takes no ${JSON.stringify(pod)}`);
    return { do: name };
  }
  if (pod === undefined || more.length > 0) throw new ConfigError(`${name} takes one pod, as NAME or NAMESPACE/NAME`);
  if (name === 'restart') return { do: name, pod };
  const { tail, container } = values;
  if (tail !== undefined && !/^\d{1,9}$/.test(String(tail)))
    throw new ConfigError(`--tail: ${JSON.stringify(tail)} is not a number of lines`);
  return {
    ...{ do: 'logs', pod, follow: values['follow'] === true, previous: values['previous'] === true },
    ...(typeof container === 'string' ? { container } : {}),
    ...(tail === undefined ? {} : { tailLines: Number(tail) }),
  };
}
