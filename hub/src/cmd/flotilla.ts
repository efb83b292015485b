/** The `flotilla` command line; each command is loaded when it is used. */
import { Command, Option } from 'commander';
import { failure } from './failure.ts';
import type { HubCommandOptions } from './hub-command.ts';

const program = new Command('flotilla').description('Kubernetes for fleets of small boards').showHelpAfterError();

program
  .command('hub')
  .description('run the hub: API, controllers, scheduler and the link to the boards')
  .option('--data-dir <dir>', 'where the hub keeps its state', '.flotilla')
  .option('--listen <host:port>', 'the API; port 0 takes a free one', '0.0.0.0:6443')
  .option('--mqtt-listen <host:port>', "MQTT's own port; `none` leaves boards the WebSocket on the API port", '0.0.0.0:8883')
  .addOption(new Option('--store <kind>', 'what keeps the objects').choices(['sqlite', 'etcd', 'memory']).default('sqlite'))
  .option('--etcd-endpoints <urls>', 'for --store etcd, separated by commas', 'http://127.0.0.1:2379')
  .option('--names <names>', 'more DNS names and addresses for the serving certificate, separated by commas')
  .option('--pod-cidr <cidr>', "what boards' pod networks are cut from", '100.64.0.0/10')
  .option('--controllers <list>', 'which controllers to run: *, NAME, -NAME; separated by commas', '*')
  .option('--scheduler <on>', 'whether to schedule pods: true or false', 'true')
  .option('--default-not-ready-toleration-seconds <n>', 'how long new pods stay on a board that is not ready; for ever when left out')
  .option('--default-unreachable-toleration-seconds <n>', 'how long new pods stay on a board that is away; for ever when left out')
  .addOption(new Option('--log-level <level>').choices(['debug', 'info', 'warn', 'error']).default('info'))
  .action(async (options: HubCommandOptions) => (await import('./hub-command.ts')).hubCommand(options));

program
  .command('token')
  .description('join tokens for boards')
  .command('create')
  .description('print a join token that pins the authority of the hub')
  .option('--ttl <duration>', 'how long it may be used: 30m, 1h, 90d', '1h')
  .option('--kubeconfig <file>', 'how to reach the hub; then KUBECONFIG, then .flotilla/admin.kubeconfig')
  .action(async (options: { ttl: string; kubeconfig?: string }) => (await import('./token-command.ts')).createTokenCommand(options));

try {
  await program.parseAsync();
} catch (error) {
  process.exit(failure('flotilla', error));
}
