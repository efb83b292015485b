import { resolve } from 'node:path';
import type { PodmanPlace } from './podman.ts';
import { Program } from './program.ts';

const entry = resolve(import.meta.dirname, '../../hub/src/cmd/up.ts');

export interface UpOptions {
  readonly place: PodmanPlace;
  /** Where the command is typed. */
  readonly typedIn: string;
  readonly dataDir: string;
}

/** What `npm run up` starts, on free ports and with a podman of the tests' own; it is ready. */
export async function startUp({ place, typedIn, dataDir }: UpOptions): Promise<Program> {
  const args = ['--data-dir', dataDir, '--api-port', '0', '--mqtt-port', '0', `--agent-args=--podman-storage ${place.dir}`];
  const up = Program.node('up', entry, args, { cwd: typedIn, env: { ...place.env, INIT_CWD: typedIn } });
  await up.says(/^Flotilla is ready$/m).catch(async (error: unknown) => {
    await up.end('SIGTERM');
    throw error;
  });
  return up;
}
