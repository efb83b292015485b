/** The `flotilla` command line; each command is loaded when it is used. */
import { keepCompiled } from '@flotilla/shared/platform/compile-cache.js';
import { Command, Option } from 'commander';
import type { BackupCommandOptions } from './backup-command.ts';
import { failure } from './failure.ts';
import type { HubCommandOptions } from './hub-command.ts';
import { addImageCommands } from './image-commands.ts';
import type { FenceCommandOptions } from './node-command.ts';
import { addNodeEnrolment } from './node-enrolment.ts';
import type { NodeOperationCommandOptions } from './node-operation-commands.ts';
import type { NodeTrafficCommandOptions } from './node-traffic-command.ts';
import { addPackageCommands } from './package-commands.ts';
import type { RecoverCommandOptions } from './recover-command.ts';
import type { RestoreCommandOptions } from './restore-command.ts';
import type { ShellCommandOptions } from './shell.ts';

const program = new Command('flotilla').description('Kubernetes for fleets of small boards').showHelpAfterError();

program
  .command('hub')
  .description('run the hub: API, controllers, scheduler and the link to the boards')
  .option('--data-dir <dir>', 'where the hub keeps its state', '.flotilla')
  .option('--listen <host:port>', 'the API; port 0 takes a free one', '0.0.0.0:6443')
  .option('--mqtt-listen <host:port>', "MQTT's own port; `none` leaves boards the WebSocket on the API port", '0.0.0.0:8883')
  .addOption(new Option('--store <kind>', 'what keeps the objects').choices(['sqlite', 'etcd', 'memory']).default('sqlite'))
  .option('--etcd-endpoints <urls>', 'for --store etcd, separated by commas', 'http://127.0.0.1:2379')
  .option('--names <names>', 'more DNS names and addresses for the serving certificate, separated by commas; kept for later starts')
  .option('--pod-cidr <cidr>', "what boards' pod networks are cut from", '100.64.0.0/10')
  .option('--service-cluster-ip-range <cidr>', 'where cluster IPs of Services come from', '10.96.0.0/12')
  .option('--service-node-port-range <range>', 'which ports of nodes Services get', '30000-32767')
  .option('--advertise-address <ip>', "where the Service kubernetes finds this API; the machine's own address when left out")
  .option('--mdns', 'tell boards on the local network that look for their hub where this one is')
  .option('--controllers <list>', 'which controllers to run: *, NAME, -NAME; separated by commas', '*')
  .option('--scheduler <on>', 'whether to schedule pods: true or false', 'true')
  .option('--default-not-ready-toleration-seconds <n>', 'how long new pods stay on a board that is not ready; for ever when left out')
  .option('--default-unreachable-toleration-seconds <n>', 'how long new pods stay on a board that is away; for ever when left out')
  .addOption(new Option('--log-level <level>').choices(['debug', 'info', 'warn', 'error']).default('info'))
  .action(async (options: HubCommandOptions) => {
    keepCompiled();
    await (await import('./hub-command.ts')).hubCommand(options);
  });

program
  .command('token')
  .description('join tokens for boards')
  .command('create')
  .description('print a join token that pins the authority of the hub')
  .option('--ttl <duration>', 'how long it may be used: 30m, 1h, 90d', '1h')
  .option('--uses <n>', 'how many boards may join with it; with 0 each waits to be approved', '1000')
  .option('--node <name>', 'the only name that may join with it; any when left out')
  .option('--kubeconfig <file>', 'how to reach the hub; then KUBECONFIG, then .flotilla/admin.kubeconfig')
  .action(async (options: { ttl: string; uses: string; node?: string; kubeconfig?: string }) =>
    (await import('./token-command.ts')).createTokenCommand(options),
  );

const kubeconfigOption = ['--kubeconfig <file>', 'how to reach the hub; then KUBECONFIG, then .flotilla/admin.kubeconfig'] as const;

program
  .command('backup')
  .description('copy all objects of the running hub into a file; the keys of the cluster are not in it')
  .option('--out <file>', 'the file; flotilla-TIME.backup when left out')
  .option(...kubeconfigOption)
  .action(async (options: BackupCommandOptions) => (await import('./backup-command.ts')).backupCommand(options));

program
  .command('restore')
  .description('put a backup in the place of the store of a hub that does not run')
  .argument('<file>', 'the backup')
  .option('--data-dir <dir>', 'where the hub keeps its state', '.flotilla')
  .option('--force', 'also over a newer store, or one of another cluster; what was there is kept beside it')
  .action(async (file: string, options: RestoreCommandOptions) => (await import('./restore-command.ts')).restoreCommand(file, options));

program
  .command('recover')
  .description('tell how far the hub is in taking back what its boards run, after its store was lost or restored')
  .option('--finish', 'end it without the boards that are missing')
  .option(...kubeconfigOption)
  .action(async (options: RecoverCommandOptions) => (await import('./recover-command.ts')).recoverCommand(options));

program
  .command('top')
  .description('what something costs')
  .command('hub')
  .description('what the hub costs and does, part by part: CPU, memory, rates, what waits')
  .option('--over <duration>', 'over which time rates are taken', '5s')
  .option(...kubeconfigOption)
  .action(async (options: { readonly over: string; readonly kubeconfig?: string }) =>
    (await import('./top-command.ts')).topHubCommand(options),
  );

program
  .command('shell')
  .description("open a shell of a board that allows it; its exit code is the command's")
  .argument('<node>')
  .option(...kubeconfigOption)
  .action(async (name: string, options: ShellCommandOptions) => (await import('./shell.ts')).shellCommand(name, options));

const node = program.command('node').description('boards');
const ttlOption = ['--ttl <duration>', 'how long it may wait for a board that is away: 30m, 24h, 30d', '24h'] as const;
const waitOption = ['--wait', 'until it is done; exit status 1 when it was not'] as const;

node
  .command('reboot')
  .description('have a board boot anew, once, when it can be reached')
  .argument('<node>')
  .option(...ttlOption)
  .option(...waitOption)
  .option(...kubeconfigOption)
  .action(async (name: string, options: NodeOperationCommandOptions) =>
    (await import('./node-operation-commands.ts')).rebootCommand(name, options),
  );

node
  .command('restart-pod')
  .description('restart the containers of a pod in place, once, when its board can be reached')
  .argument('<node>')
  .argument('<namespace/pod>')
  .option(...ttlOption)
  .option(...waitOption)
  .option(...kubeconfigOption)
  .action(async (name: string, pod: string, options: NodeOperationCommandOptions) =>
    (await import('./node-operation-commands.ts')).restartPodCommand(name, pod, options),
  );

node
  .command('diagnose')
  .description('collect a report about a board; waits for it')
  .argument('<node>')
  .option('--out <file>', 'where to write it; standard output when left out')
  .option(...ttlOption)
  .option(...kubeconfigOption)
  .action(async (name: string, options: NodeOperationCommandOptions & { readonly out?: string }) =>
    (await import('./node-operation-commands.ts')).diagnoseCommand(name, options),
  );

node
  .command('traffic')
  .description('show what a board sent and received by what it was for, and what its agent wrote')
  .argument('<node>')
  .option('--override <duration>', 'let it go beyond its data budget for so long: 30m, 2h; 0 ends it')
  .option('--json', 'as JSON')
  .option(...kubeconfigOption)
  .action(async (name: string, options: NodeTrafficCommandOptions) =>
    (await import('./node-traffic-command.ts')).nodeTrafficCommand(name, options),
  );

node
  .command('fence')
  .description('say that a board which is away runs nothing any more: its pods are deleted, and others take their place')
  .argument('<node>')
  .option('--yes', 'do not ask')
  .option(...kubeconfigOption)
  .action(async (name: string, options: FenceCommandOptions) => (await import('./node-command.ts')).fenceNode(name, options));
node
  .command('unfence')
  .description('let a board that was fenced have pods again')
  .argument('<node>')
  .option(...kubeconfigOption)
  .action(async (name: string, options: { kubeconfig?: string }) => (await import('./node-command.ts')).unfenceNode(name, options));

addNodeEnrolment(node);
addImageCommands(program);
addPackageCommands(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exit(failure('flotilla', error));
}
