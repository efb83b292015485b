import { finishPath, recoveryPath } from '#recovery/admin-routes.ts';
import type { RecoveryState } from '#recovery/recovery-state.ts';
import { apiClient } from './api-client.ts';

export interface RecoverCommandOptions {
  readonly finish?: boolean;
  readonly kubeconfig?: string;
}

/** Prints how far a recovery is and what it could not do; with `finish` ends it. */
export async function recoverCommand({ finish, kubeconfig }: RecoverCommandOptions): Promise<void> {
  const api = apiClient(kubeconfig);
  const state = finish ? await api.post<unknown, RecoveryState>(finishPath, {}) : await api.get<RecoveryState>(recoveryPath);
  process.stdout.write(recoveryText(state));
}

/** The state in lines for a person. */
export function recoveryText(state: RecoveryState): string {
  const { active, reason, endedAt, heard, missing, lines } = state;
  if (!active && !endedAt) return 'No recovery is under way, and there was none\n';
  const cause = reason === 'empty' ? 'the hub had lost its store' : 'the store came from a backup';
  const taken = heard.flatMap((board) => board.taken.map((what) => `  ${what} (board ${board.node})`));
  const removed = heard.flatMap((board) => board.removed.map((what) => `  pods/${what} (board ${board.node})`));
  const unrecovered = heard.flatMap((board) => board.unrecovered.map(({ what, why }) => `  ${what} (board ${board.node}): ${why}`));
  return [
    active
      ? `Recovery is under way: ${cause}. Controllers, scheduler and evictions wait; \`flotilla recover --finish\` ends it`
      : `Recovery is over since ${endedAt}: ${cause}`,
    `Boards heard: ${heard.length}`,
    ...section(
      `Boards ${active ? '' : 'that were '}missing: ${missing.length}`,
      missing.map(({ node, why }) => `  ${node}${why ? `: what it gave back was refused: ${why}` : ''}`),
    ),
    ...section(`Taken back: ${heard.reduce((sum, { takenCount }) => sum + takenCount, 0)}`, taken),
    ...section(`Gone meanwhile: ${removed.length}`, removed),
    ...section(`Could not be recovered: ${unrecovered.length}`, unrecovered),
    ...section(
      `To be done: ${lines.length}`,
      lines.map((line) => `  ${line}`),
    ),
    '',
  ].join('\n');
}

function section(title: string, lines: readonly string[]): string[] {
  return [title, ...lines];
}
