import { join } from 'node:path';
import type { Clock } from '@flotilla/shared/clock/clock.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { AgentConfig } from '#config/agent-config.ts';
import { PodmanRuntime, podmanRunDir } from '#runtime/podman/podman-runtime.ts';
import type { Runtime } from '#runtime/types.ts';

interface RuntimeDoors {
  readonly clock: Clock;
  readonly exec: Exec;
  readonly logger: Logger;
  readonly dataDir: string;
}

/** @throws Error for a runtime that this release does not have */
export async function createRuntime(config: AgentConfig, { clock, exec, logger, dataDir }: RuntimeDoors): Promise<Runtime> {
  if (config.runtime === 'fake') return new (await import('#runtime/fake/fake-runtime.ts')).FakeRuntime({ clock });
  if (config.runtime === 'containerd') throw new Error('--runtime containerd is not supported by this release: use podman');
  const root = config.podmanStorage;
  return new PodmanRuntime({
    clock,
    exec,
    log: logger,
    dataDir: join(dataDir, 'runtime'),
    runDir: podmanRunDir(dataDir, process.env),
    env: process.env,
    ...(root === undefined
      ? {}
      : {
          storage: {
            root: join(root, 'root'),
            runroot: join(root, 'run'),
            tmpdir: join(root, 'tmp'),
            networkConfigDir: join(root, 'networks'),
          },
        }),
  });
}
