/**
 * Boards in a process of their own. `honest` report all the time and print how long each acknowledgement took, in milliseconds, one a line;
 * `hostile` do what their number says, from the line `go` on standard input to the line `rest`.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { idleHandlers } from '@flotilla/agent/hublink/idle-handlers.js';
import { createMqttCourier } from '@flotilla/agent/hublink/mqtt-courier.js';
import type { LinkHandlers } from '@flotilla/agent/hublink/types.js';
import { SystemClock } from '@flotilla/shared/clock/system-clock.js';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import type { PinnedKey } from '@flotilla/shared/protocol/envelope.js';
import { upTopic } from '@flotilla/shared/protocol/topics.js';
import { linkFor } from '../integration/link-world.ts';

export interface Crowd {
  readonly what: 'honest' | 'hostile';
  readonly port: number;
  readonly clusterId: string;
  readonly ca: string;
  readonly manifestKeys: readonly PinnedKey[];
  readonly boards: readonly { readonly node: string; readonly certificate: string; readonly key: string }[];
}

const told = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Crowd;
const { boards, ca, clusterId, port } = told;
const clock = new SystemClock();
/** Well within what a board may say. */
const reportEveryMs = 100;
let going = false;

const courierOf = (board: Crowd['boards'][number]): ReturnType<typeof createMqttCourier> =>
  createMqttCourier({
    scope: { clusterId, node: board.node },
    endpoints: [{ transport: 'mqtt', host: '127.0.0.1', port }],
    ca,
    credentials: () => board,
    floorMs: () => 0,
    logger: silentLogger,
    timeoutMs: 15_000,
  });

const content: LinkHandlers = { ...idleHandlers, manifest: async () => ({ applied: true, wants: [] }) };

async function honest(board: Crowd['boards'][number], seed: number): Promise<void> {
  const link = linkFor({
    ...{ clock, courier: courierOf(board), node: board.node, seed, handlers: content, manifestKeys: told.manifestKeys },
  });
  link.start();
  for (;;) {
    await clock.sleep('report', reportEveryMs);
    if (!link.connected) continue;
    const beganMs = clock.monotonicMs();
    const acknowledged = link.report({ pods: [], events: [], applied: undefined, full: false });
    await acknowledged.then(
      () => process.stdout.write(`${(clock.monotonicMs() - beganMs).toFixed(2)}\n`),
      () => process.stdout.write('lost\n'),
    );
  }
}

/** One in four connects in a loop, one publishes to others, one sends what is nothing, one uses topics without end. */
async function hostile(board: Crowd['boards'][number], number: number): Promise<void> {
  const courier = courierOf(board);
  for (;;) {
    if (!going) {
      await clock.sleep('rest', 50);
      continue;
    }
    let over = false;
    const end = {
      message: () => {},
      closed: () => {
        over = true;
      },
    };
    try {
      const pipe = await courier.connect({ bootId: 'boot', serial: '', keepAliveMs: 20_000 }, end);
      for (let sent = 0; number % 4 !== 0 && going && !over; sent++) {
        const own = upTopic({ clusterId, node: board.node }, 'report');
        const topic = [own, upTopic({ clusterId, node: 'board-0' }, 'report'), own, `${own}-${sent}`][number % 4] ?? own;
        await pipe.send(topic, Buffer.alloc(200, sent));
        if (sent % 10 === 9) await clock.sleep('breath', 10);
      }
      pipe.close();
    } catch {
      // Refused, as it should be; a loop does not care.
      await clock.sleep('again', 20);
    }
  }
}

createInterface({ input: process.stdin }).on('line', (line) => {
  going = line === 'go';
});
for (const [index, board] of boards.entries()) void (told.what === 'honest' ? honest : hostile)(board, index);
process.stdin.on('end', () => process.exit(0));
