import { join, resolve } from 'node:path';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { caPath } from '@flotilla/shared/protocol/join.js';
import { parseAgentConfig } from '#config/agent-config.ts';
import { loadEnrolment } from '#hublink/enrolment.ts';
import { hubHttp } from '#hublink/mqtt-door.ts';
import { proxyFor } from '#hublink/mqtt-proxy.ts';
import { createRuntime } from './create-runtime.ts';
import { examine, exitCodeOf, findingLines } from './doctor-checks.ts';
import { machineAddresses } from './machine.ts';

const hubTimeoutMs = 10_000;

/** Looks at this board, with the agent's own options; prints what it found. @returns the exit status: 0, 1 broken, 2 worth a look */
export async function doctorCommand(args: readonly string[]): Promise<number> {
  const config = parseAgentConfig(args.filter((word) => word !== '--json'));
  const dataDir = resolve(process.env['INIT_CWD'] ?? process.cwd(), config.dataDir);
  const [clock, files, exec] = [new SystemClock(), new SystemFiles(), new SystemExec()];
  const proxy = proxyFor({ proxy: config.proxy, env: process.env });
  const findings = await examine({
    files,
    clock,
    dataDir: (await files.stat(dataDir)) ? dataDir : '/',
    runtimeFaults: async () => (await createRuntime(config, { clock, exec, logger: silentLogger, dataDir })).preflight(),
    enrolment: () => loadEnrolment(files, join(dataDir, 'identity')),
    reachHub: async ({ hub, ca, floorMs }) => {
      const { status } = await hubHttp(
        { ...hub, ca, floorMs, ended: 'doubt', timeoutMs: hubTimeoutMs, proxy },
        { method: 'GET', path: caPath },
      );
      if (status !== 200) throw new Error(`${hub.host}:${hub.port} answered with status ${status}`);
    },
    addresses: machineAddresses,
  });
  const shown = args.includes('--json') ? [JSON.stringify(findings)] : findingLines(findings);
  process.stdout.write(`${shown.join('\n')}\n`);
  return exitCodeOf(findings);
}
