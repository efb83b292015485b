import { join } from 'node:path';
import { ContainerExecs } from '@flotilla/agent/runtime/podman/container-execs.js';
import { PodmanRuntime } from '@flotilla/agent/runtime/podman/podman-runtime.js';
import { type RuntimeHarness, runtimeContract } from '@flotilla/agent/runtime/runtime.contract.js';
import type { ContainerSpec } from '@flotilla/agent/runtime/types.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { demoImages } from '../harness/images.ts';
import { podmanPlace } from '../harness/podman.ts';
import { until } from '../harness/until.ts';

runtimeContract('podman', makeHarness, { shell: true });

async function makeHarness(): Promise<RuntimeHarness> {
  const place = await podmanPlace();
  const { one: image } = await demoImages(place);
  const clock = new SystemClock();
  const make = async (): Promise<PodmanRuntime> => {
    const runtime = new PodmanRuntime({
      clock,
      exec: new SystemExec(),
      log: silentLogger,
      dataDir: join(place.dir, 'agent'),
      runDir: join(place.dir, 'r'),
      env: process.env,
      storage: place.storage,
    });
    await runtime.start();
    await runtime.setPodCidr('10.213.7.0/27');
    return runtime;
  };
  let current = await make().catch(async (error: unknown) => {
    await place.close();
    throw error;
  });
  const sh = (script: string): Partial<ContainerSpec> => ({ command: ['sh', '-c', script] });
  return {
    runtime: () => current,
    restart: async () => {
      await current.close();
      current = await make();
      return current;
    },
    sweepExecs: () =>
      new ContainerExecs({
        clock,
        exec: new SystemExec(),
        log: silentLogger,
        dir: join(place.dir, 'r', 'execs'),
        script: undefined,
      }).sweep(),
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    listens: async (id) => {
      await until('it listens', async () => (await place.podman('logs', id)).includes('listening'));
    },
    does: {
      forEver: () => sh('trap "exit 0" TERM; echo listening; while :; do sleep 0.1; done'),
      ignoresTerm: () => sh('trap "" TERM; while :; do sleep 0.1; done'),
      exits: (code, afterMs) => sh(`sleep ${afterMs / 1000}; exit ${code}`),
      writes: (text) => ({ command: ['printf', '%b', text.replaceAll('\n', '\\n')] }),
      repeats: (text) => sh(`while :; do printf '%b' '${text.replaceAll('\n', '\\n')}'; sleep 0.1; done`),
      outOfMemory: () => sh('exec tail /dev/zero'),
      cannotStart: () => ({ command: ['/no/such/program'] }),
    },
    image,
    missingImage: '127.0.0.1:1/nothing:1',
    close: async () => {
      await current.close();
      await place.close();
    },
  };
}
