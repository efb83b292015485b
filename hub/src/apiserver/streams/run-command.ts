import { internalError } from '@flotilla/shared/errors/status.js';
import type { NodeStream } from '#registry/generic/types.ts';
import type { CommandClient, Outcome } from './command-client.ts';

export interface RunCommandOptions {
  readonly client: CommandClient;
  readonly stream: NodeStream;
  /** What the kubelet calls it when it fails: `error executing command in container`. */
  readonly failure: string;
}

/**
 * Carries a program's bytes between client and board until it has ended, and tells the client how. Input that nobody takes any more
 * ends with the program.
 */
export async function runCommand({ client, stream, failure }: RunCommandOptions): Promise<void> {
  client.onResize((size) => stream.resize(size));
  void feed(client.stdin, stream);
  let outcome: Outcome;
  try {
    for await (const { channel, data } of stream.output) await client.write(channel, data);
    outcome = ended((await stream.result).exitCode);
  } catch (error) {
    if (client.gone.aborted) return;
    outcome = failed(`${failure}: ${error instanceof Error ? error.message : 'unknown'}`);
  }
  await client.finish(outcome);
}

async function feed(input: AsyncIterable<Buffer>, stream: NodeStream): Promise<void> {
  try {
    for await (const data of input) await stream.write(data);
    stream.end();
  } catch {
    // Either end is gone: the other side of this stream tells it.
  }
}

/** As the kubelet words it (streaming/remotecommand, `ServeExec`). */
function ended(exitCode: number | undefined): Outcome {
  if (!exitCode) return { status: { metadata: {}, status: 'Success' }, text: '' };
  const message = `command terminated with non-zero exit code: exit code ${exitCode}`;
  const details = { causes: [{ reason: 'ExitCode', message: String(exitCode) }] };
  return { status: { metadata: {}, status: 'Failure', message, reason: 'NonZeroExitCode', details }, text: message };
}

function failed(why: string): Outcome {
  const { metadata, status, message = '', reason = '', details = {}, code } = internalError(why).toStatus();
  return { status: { metadata, status, message, reason, details, code }, text: message };
}
