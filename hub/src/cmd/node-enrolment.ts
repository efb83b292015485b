import type { Command } from 'commander';
import type { ChoiceOptions, RetireOptions } from './node-enrolment-commands.ts';

const kubeconfigOption = ['--kubeconfig <file>', 'how to reach the hub; then KUBECONFIG, then .flotilla/admin.kubeconfig'] as const;
const fingerprintOption = [
  '--fingerprint <sha256>',
  'which board, when several wait under the name: its first 8 characters will do',
] as const;

/** `flotilla node pending|approve|deny|replace|retire`: what each does is loaded when it is used. */
export function addNodeEnrolment(node: Command): void {
  const commands = (): Promise<typeof import('./node-enrolment-commands.ts')> => import('./node-enrolment-commands.ts');
  node
    .command('pending')
    .description('boards that wait to be let in, or whose card is in another machine')
    .option('--json', 'as JSON')
    .option(...kubeconfigOption)
    .action(async (options: { readonly json?: boolean; readonly kubeconfig?: string }) => (await commands()).pendingCommand(options));
  node
    .command('approve')
    .description('let a board in that waits; compare the fingerprint with what the board itself says')
    .argument('<name>')
    .option(...fingerprintOption)
    .option('--take-over', 'also when another board has the name: its key is revoked')
    .option(...kubeconfigOption)
    .action(async (name: string, options: ChoiceOptions & { readonly takeOver?: boolean }) =>
      (await commands()).approveCommand(name, options),
    );
  node
    .command('deny')
    .description('send a board away that waits')
    .argument('<name>')
    .option(...fingerprintOption)
    .option(...kubeconfigOption)
    .action(async (name: string, options: ChoiceOptions) => (await commands()).denyCommand(name, options));
  node
    .command('replace')
    .description('put a new board in the place of an old one: it gets its name, labels and pods')
    .argument('<old>', 'the node')
    .argument('<new>', 'the name under which the new board joined, or waits')
    .option(...fingerprintOption)
    .option('--yes', 'do not ask')
    .option(...kubeconfigOption)
    .action(async (old: string, name: string, options: ChoiceOptions & { readonly yes?: boolean }) =>
      (await commands()).replaceCommand(old, name, options),
    );
  node
    .command('retire')
    .description('take a board out of the fleet: drain it, revoke its key, remove its objects')
    .argument('<node>')
    .option('--timeout <duration>', 'how long its pods may take to stop', '5m')
    .option('--force', 'delete its pods without a word from the board: only when it is switched off for good')
    .option('--yes', 'do not ask')
    .option(...kubeconfigOption)
    .action(async (name: string, options: RetireOptions) => (await commands()).retireCommand(name, options));
}
