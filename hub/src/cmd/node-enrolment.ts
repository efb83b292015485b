import type { Command } from 'commander';
import type { InstallCommandOptions } from './install-command.ts';
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
    .command('install-command')
    .description('print the line that installs the agent on a host of your own; it holds a join token')
    .option('--hub <url>', "where the host reaches the hub, as https://HOST:6443; the hub's first address when left out")
    .option('--node <name>', 'the name it gets, and the only one; its host name when left out')
    .option('--ttl <duration>', 'how long the line may be used', '1h')
    .option('--uses <n>', 'on how many hosts', '1')
    .option(...kubeconfigOption)
    .action(async (options: InstallCommandOptions) => (await import('./install-command.ts')).installCommand(options));
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
