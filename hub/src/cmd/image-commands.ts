import { boardSettings } from '@flotilla/shared/board-settings/settings-table.js';
import type { Command } from 'commander';
import type { FlashCommandOptions } from './flash-command.ts';
import type { BuildCommandOptions } from './image-build-command.ts';
import type { ConfigureOptions } from './image-configure-command.ts';

/** `flotilla image …`: what each does is loaded when it is used. */
export function addImageCommands(program: Command): void {
  const image = program.command('image').description('card images for boards');
  image
    .command('build')
    .description("build a card image from Debian's packages and the agent, without root")
    .requiredOption(
      '--board <name>',
      'for which board: generic-amd64, generic-arm64, raspberry-pi-3, raspberry-pi-4, raspberry-pi-zero-2-w, or one of your own',
    )
    .requiredOption('--out <dir>', 'where the image and its manifest go')
    .option('--layout <name>', "how the card is divided: single, ab, raspberry-pi; the board's own when left out")
    .option('--mirror <url>', "a mirror of Debian instead of this machine's package source")
    .option('--definitions <dir>', 'a directory with boards, layers and layouts of your own')
    .option('--keep-raw', 'do not compress it')
    .action(async (options: BuildCommandOptions) => (await import('./image-build-command.ts')).buildCommand(options));
  const configure = image
    .command('configure')
    .description('write the settings of a board into an image, or onto a card, without mounting it; without any, show those it has')
    .argument('<image>', 'a raw image, or the device of a card')
    .option('--clear', 'begin with no settings instead of those that are there')
    .option('--settings <file>', 'a settings file to begin with')
    .option('--devices <file>', 'many devices: a CSV or YAML list with the names of these settings as columns')
    .option('--out <dir>', 'with --devices: where DIR/NAME/flotilla.txt go')
    .option('--images', 'with --devices: DIR/NAME.img too, a configured copy of the image for each')
    .option('--create-tokens', 'make a join token for every device that has none: single use, for that name only')
    .option('--token-ttl <duration>', 'with --create-tokens: how long they may be used', '90d')
    .option('--kubeconfig <file>', 'with --create-tokens: how to reach the hub; then KUBECONFIG, then .flotilla/admin.kubeconfig');
  for (const { name, value, description, many, inFile } of boardSettings) {
    const more = many ? '; may be given several times' : '';
    if (inFile) configure.option(`--${name}-file <file>`, `a file with ${description}`);
    else if (many) configure.option(`--${name} <${value}>`, `${description}${more}`, (one: string, all: string[] = []) => [...all, one]);
    else configure.option(`--${name} <${value}>`, description);
  }
  configure.action(async (path: string, options: ConfigureOptions) =>
    (await import('./image-configure-command.ts')).configureCommand(path, options),
  );

  program
    .command('flash')
    .description('write an image to cards and read them back')
    .argument('<image>', 'raw, or compressed with xz, zstd or gzip')
    .option('--device <path>', 'the drive; may be given several times; asked for when left out', (one: string, all: string[] = []) => [
      ...all,
      one,
    ])
    .option('--yes', 'do not ask; needs --device')
    .option('--fixed', 'also a drive that cannot be taken out')
    .option('--settings <file>', "a board's settings file, put onto the card when it is done")
    .action(async (path: string, options: FlashCommandOptions) => (await import('./flash-command.ts')).flashCommand(path, options));
}
