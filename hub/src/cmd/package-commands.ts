import { type Command, Option } from 'commander';
import type { PackageCommandOptions } from './package-command.ts';

const architectures = ['amd64', 'arm64'] as const;

/** `flotilla package …`: what each does is loaded when it is used. */
export function addPackageCommands(program: Command): void {
  const group = program.command('package').description('packages of agent and hub');
  const command = (what: 'agent' | 'hub' | 'bundle', description: string): Command =>
    group
      .command(what)
      .description(description)
      .requiredOption('--out <dir>', 'where it goes')
      .addOption(new Option('--architecture <name>', 'for which machines').choices(architectures).default('amd64'))
      .action(async (options: PackageCommandOptions) => (await import('./package-command.ts')).packageCommand(what, options));
  command('agent', 'a Debian package of the agent');
  command('hub', 'a Debian package of the hub').addOption(
    new Option('--agents <names...>', 'for which machines it serves agents').choices(architectures).default([...architectures]),
  );
  command('bundle', 'agent and installer in one file, for hosts that reach no package source')
    .option('--with-podman', "put podman in and what it needs, of this machine's Debian release, from its package sources")
    .option('--packages <dir>', 'a directory of Debian packages to put in, when they are not to be fetched');
}
