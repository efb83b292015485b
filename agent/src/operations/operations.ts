import type { NodeOperationAction } from '@flotilla/shared/api/fleet/node-operation.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import type { LinkPart } from '#hublink/types.ts';
import { type Act, BoardOperations } from './board-operations.ts';
import { type CollectDiagnosticsOptions, collectDiagnostics } from './collect-diagnostics.ts';
import { LinkHistory } from './link-history.ts';
import { OperationJournal } from './operation-journal.ts';
import { reboot } from './reboot.ts';
import { type RestartPodOptions, restartPod } from './restart-pod.ts';

export interface OperationsSettings {
  /** What this board does not do, whoever asks. */
  readonly denied?: readonly NodeOperationAction[];
  /** The command line that has the machine boot anew; what the system has when left out. */
  readonly rebootCommand?: readonly string[];
}

export interface OperationsOptions extends Omit<CollectDiagnosticsOptions, 'link' | 'runtime' | 'pods' | 'files'>, RestartPodOptions {
  readonly settings: OperationsSettings;
  /** A board without it cannot be told to boot. */
  readonly exec: Pick<Exec, 'run'> | undefined;
  readonly files: Files;
  readonly logger: Logger;
  readonly runtime: CollectDiagnosticsOptions['runtime'] & RestartPodOptions['runtime'];
}

/** What this board does when operations ask for it, wired up. */
export function createOperations(options: OperationsOptions): {
  readonly operations: BoardOperations;
  readonly parts: readonly LinkPart[];
} {
  const { clock, dataDir, exec, files, logger, settings } = options;
  const link = new LinkHistory(clock);
  const operations = new BoardOperations({
    journal: new OperationJournal(files, `${dataDir}/operations`),
    acts: {
      Reboot: exec ? reboot({ exec, clock, command: settings.rebootCommand }) : noPrograms,
      RestartPod: restartPod(options),
      CollectDiagnostics: collectDiagnostics({ ...options, link }),
    },
    denied: settings.denied ?? [],
    clock,
    logger,
  });
  return { operations, parts: [operations, link] };
}

const noPrograms: Act = async () => ({ phase: 'Failed', message: 'The agent of this board starts no programs.' });
