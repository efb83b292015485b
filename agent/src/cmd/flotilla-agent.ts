/** The `flotilla-agent` command: runs the agent; `simulate` runs many in memory, `demo-image` makes the image of the tour. */

import { describeError } from '@flotilla/shared/log/logger.js';
import { keepCompiled } from '@flotilla/shared/platform/compile-cache.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { agentHelp, parseAgentConfig } from '#config/agent-config.ts';

const localCommands = ['ps', 'logs', 'restart', 'facts'];
const localHelp = `flotilla-agent ps                                   the pods of this board
flotilla-agent logs POD [-c NAME] [-f] [-p] [--tail N]   what a container of a pod wrote
flotilla-agent restart POD                          stops its containers; the agent starts them anew
flotilla-agent facts                                what this board is, and whether it has its hub
flotilla-agent doctor [--json]                      looks at all that the agent needs; status 1: broken, 2: worth a look
  POD is NAME or NAMESPACE/NAME; --data-dir, --runtime and --podman-storage as the agent has them; no hub is needed
`;

const [first] = process.argv.slice(2);
keepCompiled();
try {
  if (first === 'demo-image') await makeDemoImages();
  else if (first === 'simulate') await runSimulation(process.argv.slice(3));
  else if (localCommands.includes(first ?? '')) await (await import('./local-command.ts')).localCommand(process.argv.slice(2));
  else if (first === 'doctor') process.exit(await (await import('./doctor-command.ts')).doctorCommand(process.argv.slice(3)));
  else if (first === 'first-boot') await (await import('./first-boot-command.ts')).firstBootCommand(process.argv.slice(3));
  else if (first === '--help' || first === '-h')
    process.stdout.write(
      `flotilla-agent [OPTION …]\n\n${agentHelp()}\n${localHelp}flotilla-agent simulate [OPTION …]\nflotilla-agent demo-image\n`,
    );
  else await (await import('./run-agent.ts')).runAgent(parseAgentConfig(process.argv.slice(2)));
  process.exit(0);
} catch (error) {
  process.stderr.write(`flotilla-agent: ${describeError(error)}\n`);
  process.exit(1);
}

async function makeDemoImages(): Promise<void> {
  const { demoImage } = await import('./demo-image.ts');
  for (const tag of ['1', '2'] as const) process.stdout.write(`${await demoImage({ exec: new SystemExec(), tag })}\n`);
}

async function runSimulation(argv: readonly string[]): Promise<void> {
  const { parseSimulateConfig, simulateHelp } = await import('../simulate/simulate-config.ts');
  if (argv.includes('--help') || argv.includes('-h')) process.stdout.write(`flotilla-agent simulate [OPTION …]\n\n${simulateHelp()}`);
  else await (await import('./simulate.ts')).simulate(parseSimulateConfig(argv), argv);
}
