/** Boards in a process of their own that subscribe and speak the moment they are let in; prints the nodes of those that were hung up on. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { downFilter, upTopic } from '@flotilla/shared/protocol/topics.js';

interface Told {
  readonly port: number;
  readonly clusterId: string;
  readonly ca: string;
  readonly boards: readonly { readonly node: string; readonly cert: string; readonly key: string }[];
}
const { port, clusterId, ca, boards } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Told;

/** MQTT 3.1.1, part 2: the type with its flags, the length, the rest. */
function packet(type: number, ...parts: readonly (Buffer | readonly number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length = body.length < 128 ? [body.length] : [128 + (body.length % 128), Math.floor(body.length / 128)];
  return Buffer.concat([Buffer.from([type, ...length]), body]);
}
const text = (words: string): Buffer => Buffer.concat([Buffer.from([0, words.length]), Buffer.from(words)]);

for (const { node, cert, key } of boards) {
  const scope = { clusterId, node };
  const socket = connect({ host: '127.0.0.1', port, ca, cert, key }).setNoDelay(true);
  // Version 4, with a user name and a clean session, kept alive for 20 s.
  socket.once('secureConnect', () => socket.write(packet(0x10, text('MQTT'), [4, 0x82, 0, 20], text(node), text('boot-1'))));
  socket.once('data', () => {
    socket.write(packet(0x82, [0, 1], text(downFilter(scope)), [0]));
    socket.write(packet(0x30, text(upTopic(scope, 'hello')), Buffer.from(node)));
    // The answer to the subscription, or the end.
    socket.once('data', (answer: Buffer) => {
      if (answer[4] !== 0) process.stdout.write(`${node} may not subscribe\n`);
      socket.end();
    });
  });
  socket.once('end', () => process.stdout.write(socket.writableEnded ? '' : `${node} was hung up on\n`));
  await new Promise<void>((resolve) => socket.on('error', () => {}).once('close', () => resolve()));
}
