import { Duplex } from 'node:stream';
import type { NodeStream } from '#registry/generic/types.ts';

/** A stream to a port of a pod as one of Node's own. Its end, however it comes, calls `close`. */
export function nodeStreamDuplex(stream: NodeStream, close: () => void): Duplex {
  const output = stream.output[Symbol.asyncIterator]();
  stream.opened.catch((error: Error) => duplex.destroy(error));
  stream.result.catch(() => {});
  const duplex = new Duplex({
    read() {
      output.next().then(
        ({ done, value }) => this.push(done ? null : value.data),
        (error: Error) => this.destroy(error),
      );
    },
    write(data: Buffer, _encoding, done) {
      stream.opened.then(() => stream.write(data)).then(() => done(), done);
    },
    final(done) {
      stream.opened.then(
        () => {
          stream.end();
          done();
        },
        () => done(),
      );
    },
    destroy(error, done) {
      close();
      done(error);
    },
  });
  return duplex;
}
