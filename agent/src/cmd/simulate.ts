import { type ChildProcess, spawn } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { resolve } from 'node:path';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { createLogger } from '@flotilla/shared/log/logger.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { untilSignal } from '@flotilla/shared/platform/until-signal.js';
import { ConfigError } from '#config/agent-config.ts';
import { hubHttp } from '#hublink/mqtt-door.ts';
import type { SimulateConfig } from '../simulate/simulate-config.ts';
import { SimulatedFleet } from '../simulate/simulated-fleet.ts';

const secretBytes = 32;
/** How the parent hands the secret to its children: it shows in no list of processes. */
const secretVariable = 'FLOTILLA_SIMULATE_SECRET';
const tellEveryMs = 1_000;

/** Runs simulated boards until SIGINT or SIGTERM. @throws Error with a message for whoever typed the command */
export async function simulate(config: SimulateConfig, argv: readonly string[]): Promise<void> {
  const files = new SystemFiles();
  const random = new SystemRandom();
  const fromHere = (file: string): string => resolve(process.env['INIT_CWD'] ?? process.cwd(), file);
  if (config.hubs.length === 0) throw new ConfigError('name the hub with --hub https://HOST:6443');
  const token =
    config.token ?? process.env['FLOTILLA_JOIN_TOKEN'] ?? (config.tokenFile && (await files.readText(fromHere(config.tokenFile)))?.trim());
  if (!token) throw new ConfigError('simulated boards join as others do: give them a token (flotilla token create prints one)');
  const secret = await secretOf(config.secretFile && fromHere(config.secretFile), files, random);
  const stopped = untilSignal();
  if (config.processes > 1) return shareOut(config, argv, { token, secret, stopped });

  const clock = new SystemClock();
  const write = (line: string): void => void process.stderr.write(line);
  const logger = createLogger({ level: config.logLevel, wallMs: () => clock.wallMs(), write });
  // Thousands of boards wait for one signal.
  setMaxListeners(0);
  const pods = { startMs: config.podStartMs, ...(config.podExitMs === undefined ? {} : { exitAfterMs: config.podExitMs, exitCode: 0 }) };
  const fleet = new SimulatedFleet({ ...config, ...{ clock, random, logger, token, secret, pods }, http: hubHttp });
  let told = '';
  const tell = (): void => {
    const now = `${fleet.connected} of ${config.boards} boards are connected\n`;
    if (now !== told) process.stdout.write(now);
    told = now;
  };
  const telling = setInterval(tell, tellEveryMs);
  const started = fleet.start().then(tell);
  try {
    await Promise.race([stopped, started.then(() => stopped)]);
  } finally {
    clearInterval(telling);
    await fleet.stop();
  }
}

/** One child for each share of the boards; ends when all have ended, as the first that failed. */
async function shareOut(
  { boards, first, processes }: SimulateConfig,
  argv: readonly string[],
  { token, secret, stopped }: { readonly token: string; readonly secret: Buffer; readonly stopped: Promise<void> },
): Promise<void> {
  const children: { readonly child: ChildProcess; readonly ended: Promise<string> }[] = [];
  const end = (): void => {
    for (const { child } of children) child.kill('SIGTERM');
  };
  for (let index = 0; index < processes; index++) {
    const from = Math.floor((boards * index) / processes);
    const count = Math.floor((boards * (index + 1)) / processes) - from;
    if (count === 0) continue;
    // Of an option that is given twice the last counts.
    const own = ['--processes', '1', '--boards', String(count), '--first', String(first + from)];
    const env = { ...process.env, FLOTILLA_JOIN_TOKEN: token, [secretVariable]: secret.toString('base64') };
    const command = [...process.execArgv, process.argv[1] ?? '', 'simulate', ...argv, ...own];
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'inherit', 'inherit'], env });
    const { promise: ended, resolve: over } = Promise.withResolvers<string>();
    child.once('error', (error) => over(error.message));
    child.once('exit', (code, signal) => over(code === 0 ? '' : `a process of the simulation ended: ${signal ?? `exit status ${code}`}`));
    children.push({ child, ended });
  }
  const all = children.map(({ ended }) => ended);
  void stopped.then(end);
  // One that fails takes the others along.
  for (const ended of all) void ended.then((how) => how && end());
  const failure = (await Promise.all(all)).find((how) => how !== '');
  if (failure) throw new Error(failure);
}

async function secretOf(file: string | undefined, files: SystemFiles, random: SystemRandom): Promise<Buffer> {
  const handed = process.env[secretVariable];
  if (handed) return Buffer.from(handed, 'base64');
  const kept = file && Buffer.from((await files.readText(file)) ?? '', 'base64');
  if (kept && kept.length === secretBytes) return kept;
  if (kept && kept.length > 0) throw new ConfigError(`--secret-file: ${file} does not hold the secret of a simulation`);
  const secret = random.bytes(secretBytes);
  if (file) await files.writeAtomic(file, `${secret.toString('base64')}\n`, { mode: 0o600 });
  return secret;
}
