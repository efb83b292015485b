/** The `flotilla-agent` command: runs the agent; `flotilla-agent demo-image` makes the image of the tour. */

import { describeError } from '@flotilla/shared/log/logger.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { agentHelp, parseAgentConfig } from '#config/agent-config.ts';

const [first] = process.argv.slice(2);
try {
  if (first === 'demo-image') await makeDemoImages();
  else if (first === '--help' || first === '-h')
    process.stdout.write(`flotilla-agent [OPTION …]\n\n${agentHelp()}\nflotilla-agent demo-image\n`);
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
