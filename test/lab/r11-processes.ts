import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Program } from '../harness/program.ts';
import { until } from '../harness/until.ts';
import type { Lab, LabGoal } from './lab-goal.ts';

const repository = resolve(import.meta.dirname, '../..');
const flotilla = join(repository, 'hub/src/cmd/flotilla.ts');
const agent = join(repository, 'agent/src/cmd/flotilla-agent.ts');
const clocks = ['@1970-01-01 00:00:10', '@1999-12-31 23:59:50', '@2038-01-19 03:13:50', '@2099-06-01 12:00:00', '+0'] as const;

/** The environment of a program for which all clocks but the monotonic one say something else. */
function under(clock: string): NodeJS.ProcessEnv {
  const [library] = globSync('/usr/lib/*/faketime/libfaketime.so.1');
  if (!library) throw new Error('libfaketime is not where its package puts it');
  return { ...process.env, FAKETIME: clock, DONT_FAKE_MONOTONIC: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', LD_PRELOAD: library };
}

/** A Node as the API has it, for the administrator, whatever the dates of anybody's certificate. */
function nodeAt(kubeconfig: string, name: string): Promise<string> {
  const text = readFileSync(kubeconfig, 'utf8');
  const pem = (field: string): Buffer => Buffer.from(new RegExp(`${field}: (\\S+)`).exec(text)?.[1] ?? '', 'base64');
  const options = { cert: pem('client-certificate-data'), key: pem('client-key-data'), rejectUnauthorized: false, agent: false };
  return new Promise((answered, failed) => {
    request(`${addressIn(kubeconfig)}/api/v1/nodes/${name}`, options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      response.once('end', () => answered(body));
    })
      .once('error', failed)
      .end();
  });
}

function addressIn(kubeconfig: string): string {
  return /https:\/\/[\d.]+:\d+/.exec(readFileSync(kubeconfig, 'utf8'))?.[0] ?? '';
}

/** A hub and an agent as processes, each under a clock of its own from its first start on; it is OpenSSL's clock, too. */
async function round(seed: number, { tally }: Lab, more: { readonly sameClock?: boolean } = {}): Promise<void> {
  const hubClock = clocks[seed % clocks.length] as string;
  const boardClock = clocks[Math.floor(seed / clocks.length) % clocks.length] as string;
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-clocks-'));
  const kubeconfig = join(dir, 'hub/admin.kubeconfig');
  const programs: Program[] = [];
  const start = (name: string, entry: string, args: readonly string[], clock: string): Program => {
    const program = Program.node(name, entry, args, { env: under(clock) });
    programs.push(program);
    return program;
  };
  try {
    tally.fault('clocks of processes');
    start('hub', flotilla, ['hub', '--data-dir', join(dir, 'hub'), '--listen', '127.0.0.1:0', '--mqtt-listen', '127.0.0.1:0'], hubClock);
    await until('the hub is there', () => existsSync(kubeconfig));
    // The command checks the hub by its own clock, as kubectl would.
    const made = start(
      'token',
      flotilla,
      ['token', 'create', '--kubeconfig', kubeconfig],
      more.sameClock === false ? '@1985-01-01 00:00:00' : hubClock,
    );
    await made.ended;
    const token = made.stdout.trim();
    if (!token) throw new Error(`no token was made: ${made.stderr}`);
    const args = [
      '--hub',
      addressIn(kubeconfig),
      '--token',
      token,
      '--data-dir',
      join(dir, 'agent'),
      '--runtime',
      'fake',
      '--node-name',
      'pi-1',
    ];
    const board = start('agent', agent, args, boardClock);
    await board.says(/connected to the hub/);
    tally.invariant('a board joins and connects');
    await until('its Node is ready', async () =>
      /"type":"Ready","status":"True"|"status":"True"[^}]*"type":"Ready"/.test(await nodeAt(kubeconfig, 'pi-1')),
    );
    tally.invariant('its reports are taken');
    const refused = /"reason":"(Malformed|Untrusted|Forbidden)".*/.exec(programs.map(({ stderr }) => stderr).join('\n'));
    if (refused) throw new Error(`hub under ${hubClock}, board under ${boardClock}: ${refused[0]}`);
  } finally {
    for (const program of programs.reverse()) await program.end('SIGTERM');
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Every pair of clocks once in 25 rounds. */
export const processClocks: LabGoal = {
  id: 'clocks',
  title: 'a hub and a board as processes, each with a wall clock of its own from 1970 to 2099',
  rounds: 25,
  round: (seed, lab) => round(seed, lab),
  invariants: ['a board joins and connects', 'its reports are taken'],
  controls: [
    {
      mistake: 'the clock is not what was asked for: a command with another clock than the hub is refused',
      rounds: 5,
      round: (seed, lab) => round(seed, lab, { sameClock: false }),
    },
  ],
  tools: ['faketime'],
};
