/** `npm run up`: a hub and an agent on this machine, from nothing to `Flotilla is ready`. */
import { type ChildProcess, fork } from 'node:child_process';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { ensureTools } from '@flotilla/shared/platform/tools.js';
import { untilSignal } from '@flotilla/shared/platform/until-signal.js';
import { createJoinToken } from '#nodesync/enrol/join-token.ts';
import { failure } from './failure.ts';
import { parsePort } from './parse.ts';
import { type RunningHub, runHub } from './run-hub.ts';

const root = resolve(import.meta.dirname, '../../..');
const tokenTtlMs = 3_600_000;

async function up(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'data-dir': { type: 'string', default: '.flotilla' },
      'api-port': { type: 'string', default: '6443' },
      'mqtt-port': { type: 'string', default: '8883' },
      'no-agent': { type: 'boolean', default: false },
      // For tests, so that they leave the user's podman alone.
      'agent-args': { type: 'string', default: '' },
    },
  });
  const dataDir = resolve(process.env['INIT_CWD'] ?? process.cwd(), values['data-dir']);
  const withAgent = !values['no-agent'];
  if (withAgent) ensureTools(['podman', 'busybox']);

  const stopped = untilSignal();
  const running = await runHub({
    dataDir,
    listen: { host: '0.0.0.0', port: parsePort('--api-port', values['api-port']) },
    mqttListen: { host: '0.0.0.0', port: parsePort('--mqtt-port', values['mqtt-port']) },
    store: 'sqlite',
    logLevel: 'warn',
  });
  process.stdout.write(`API:        https://127.0.0.1:${running.hub.apiPort}\n`);
  process.stdout.write(`kubeconfig: ${running.kubeconfig}\n`);
  const agent = withAgent ? await startAgent(running, dataDir, values['agent-args'].split(' ').filter(Boolean), stopped) : undefined;
  if (agent !== 'stopped') {
    process.stdout.write('Flotilla is ready\n');
    await stopped;
  }
  if (agent && agent !== 'stopped') await end(agent);
  await running.hub.stop();
}

/** Resolves when the agent of this run has adopted its pods and the hub has its report, or with `stopped` when told to stop first. */
async function startAgent(
  running: RunningHub,
  dataDir: string,
  more: readonly string[],
  stopped: Promise<void>,
): Promise<ChildProcess | 'stopped'> {
  const token = await createJoinToken({
    createSecret: (namespace, secret) => running.hub.admin.resource('', 'secrets').create(namespace, secret),
    clock: new SystemClock(),
    random: new SystemRandom(),
    caKeyHash: running.caKeyHash,
    ttlMs: tokenTtlMs,
    uses: 1,
  });
  const child = fork(
    join(root, 'agent/src/cmd/flotilla-agent.ts'),
    [
      ...['--hub', `https://127.0.0.1:${running.hub.apiPort}`, '--data-dir', join(dataDir, 'agent'), '--log-level', 'warn'],
      // This is somebody's own machine.
      ...['--deny-operations', 'Reboot'],
      ...more,
    ],
    {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: { ...process.env, FLOTILLA_JOIN_TOKEN: token },
      stdio: ['ignore', 2, 2, 'ipc'],
    },
  );
  const reported = new Promise<void>((done, fail) => {
    child.once('message', () => done());
    child.once('error', fail);
    child.once('exit', (code) => fail(new Error(`the agent ended (exit status ${code}); what it said is above`)));
  });
  const first = await Promise.race([reported.then(() => child), stopped.then(() => 'stopped' as const)]);
  if (first === 'stopped') await end(child);
  else child.once('exit', (code) => process.stderr.write(`up: the agent ended (exit status ${code})\n`));
  return first;
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done();
    child.removeAllListeners('exit');
    child.once('exit', () => done());
    child.kill('SIGTERM');
  });
}

try {
  await up();
  process.exit(0);
} catch (error) {
  process.exit(failure('up', error));
}
