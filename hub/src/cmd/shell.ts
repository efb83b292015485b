import type { ReadStream, WriteStream } from 'node:tty';
import type { Status } from '@flotilla/shared/errors/status.js';
import { WebSocket } from 'ws';
import { apiTarget } from './api-client.ts';

export interface ShellCommandOptions {
  readonly kubeconfig?: string;
}

/** Where a shell is used from. */
export interface ShellPlace {
  readonly stdin: NodeJS.ReadableStream & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>;
  readonly stdout: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>>;
  readonly stderr: NodeJS.WritableStream;
  readonly term: string | undefined;
}

const [stdoutChannel, stderrChannel, errorChannel, resizeChannel, closeChannel] = [1, 2, 3, 4, 255];
const protocol = 'v5.channel.k8s.io';
/** From here on nothing more is read from the keyboard, or from what is piped in. */
const mostUnsentBytes = 256 * 1024;

/** Opens a shell of the board; its exit code is the command's. In a terminal when this is one. @throws Error with words for whoever typed it */
export async function shellCommand(node: string, options: ShellCommandOptions): Promise<void> {
  const { env, stdin, stdout, stderr } = process;
  process.exitCode = await openShell(node, options, { stdin, stdout, stderr, term: env['TERM'] });
  // What is still to be read from the keyboard is nobody's any more.
  stdin.unref?.();
}

/** @returns the exit code of the shell */
async function openShell(node: string, { kubeconfig }: ShellCommandOptions, place: ShellPlace): Promise<number> {
  const { stdin, stdout, term } = place;
  const tty = stdin.isTTY === true && stdout.isTTY === true;
  const { server, ca, cert, key, headers } = apiTarget(kubeconfig);
  const url = new URL(`/apis/fleet.flotilla.dev/v1alpha1/nodes/${encodeURIComponent(node)}/shell`, server);
  url.protocol = 'wss:';
  if (tty) url.searchParams.set('tty', 'true');
  if (term) url.searchParams.set('term', term);
  const socket = await connected(url, { ca, headers, ...(cert && key ? { cert, key } : {}) });
  const status = new Promise<Status | undefined>((resolve) => carry(socket, place, resolve));
  const restore = tty ? asTerminal(socket, place) : () => {};
  try {
    return exitCodeOf(await status);
  } finally {
    restore();
    socket.terminate();
  }
}

interface Credentials {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** @throws Error as the hub worded its refusal */
function connected(url: URL, credentials: Credentials): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocol, { ...credentials, handshakeTimeout: 60_000, perMessageDeflate: false });
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, answer) => {
      let text = '';
      answer.on('data', (data: Buffer) => {
        text += data.toString();
      });
      answer.on('end', () => reject(new Error(messageOf(text) || `the hub answered ${answer.statusCode}`)));
    });
  });
}

/** A Status as JSON, or the words of the board. */
function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as Partial<Status>).message ?? text;
  } catch {
    return text.trim();
  }
}

/** Bytes both ways until the connection ends; `ended` gets the last word, if there was one. */
function carry(socket: WebSocket, { stdin, stdout, stderr }: ShellPlace, ended: (status: Status | undefined) => void): void {
  let last: Status | undefined;
  socket.on('message', (data: Buffer) => {
    const rest = data.subarray(1);
    if (data[0] === stdoutChannel || data[0] === stderrChannel) {
      const to = data[0] === stdoutChannel ? stdout : stderr;
      if (to.write(rest)) return;
      socket.pause();
      to.once('drain', () => socket.resume());
    } else if (data[0] === errorChannel) last = JSON.parse(rest.toString()) as Status;
  });
  socket.once('close', () => ended(last));
  socket.on('error', () => {});
  stdin.on('data', (data: Buffer | string) => {
    const sent = (): void => void (socket.bufferedAmount < mostUnsentBytes && stdin.resume());
    socket.send(Buffer.concat([Buffer.of(0), Buffer.from(data)]), sent);
    if (socket.bufferedAmount >= mostUnsentBytes) stdin.pause();
  });
  stdin.once('end', () => socket.send(Buffer.of(closeChannel, 0)));
}

/** Each key goes to the board as it is; the board learns how large this terminal is. @returns what undoes it */
function asTerminal(socket: WebSocket, { stdin, stdout }: ShellPlace): () => void {
  const resize = (): void => {
    const { columns: Width, rows: Height } = stdout;
    if (socket.readyState === WebSocket.OPEN)
      socket.send(Buffer.concat([Buffer.of(resizeChannel), Buffer.from(JSON.stringify({ Width, Height }))]));
  };
  resize();
  stdout.on('resize', resize);
  stdin.setRawMode?.(true);
  return () => {
    stdout.removeListener('resize', resize);
    stdin.setRawMode?.(false);
  };
}

/** @throws Error when it did not end by itself */
function exitCodeOf(status: Status | undefined): number {
  if (!status) throw new Error('the connection to the hub broke');
  if (status.status === 'Success') return 0;
  const code = status.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  if (code === undefined) throw new Error(status.message ?? 'the shell failed');
  return Number(code);
}
