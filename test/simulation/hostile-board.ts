import type { SimulatedBroker } from '@flotilla/hub/broker/simulated/simulated-broker.js';
import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import { SeededRandom } from '@flotilla/shared/platform/random.js';
import { encodeJson, FrameReader } from '@flotilla/shared/protocol/frame.js';
import { upTopic } from '@flotilla/shared/protocol/topics.js';
import { type ApiObject, clusterId, openWorld, pod, simulated } from '../integration/link-world.ts';
import { bytes, foreignTopic, poisoned } from './hostile.ts';
import { parsers } from './hostile-parsers.ts';

const up = parsers.filter((parser) => parser.up !== undefined);
const watched = [
  ['', 'pods'],
  ['', 'nodes'],
  ['', 'secrets'],
  ['', 'configmaps'],
] as const;

export interface HostileOptions {
  readonly seed: number;
  readonly messages: number;
  readonly struck?: (fault: string) => void;
  readonly looked?: (invariant: string) => void;
}

/**
 * A board that has a good key and bad manners, among others: it says what it likes, also of the others' pods and on the others' topics.
 * @throws Error when the hub threw, or anything but its own was written
 */
export async function hostileBoard({ seed, messages, struck, looked }: HostileOptions): Promise<void> {
  const clock = new FakeClock();
  const random = new SeededRandom(seed);
  const world = await openWorld({ clock, broker: simulated(clock, seed) });
  const broker = world.broker as SimulatedBroker;
  const { client } = world;
  for (const node of ['board-1', 'board-2']) {
    world.boards.set(node, { node, keyId: `key of ${node}`, serial: '' });
    await client.resource<ApiObject>('', 'nodes').create('', { apiVersion: 'v1', kind: 'Node', metadata: { name: node } });
    await client.resource<ApiObject>('', 'pods').create('default', pod(`web-of-${node}`, node));
  }
  await clock.advance(1000);
  const others = (): string =>
    JSON.stringify(
      watched.map(([group, resource]) =>
        client
          .informer<KubeObject>(group, resource)
          .list()
          .filter(({ metadata }) => !metadata?.name?.endsWith('board-1'))
          .map((object) => JSON.stringify(object))
          .sort(),
      ),
    );
  const before = others();
  const victim = client.informer<ApiObject>('', 'pods').get('default/web-of-board-2')?.metadata?.uid ?? '';
  let session = 0;
  let welcomed = 0;
  for (let sent = 0; sent < messages; ) {
    const reader = new FrameReader();
    let open = true;
    const end = {
      message: (topic: string, payload: Buffer) => {
        if (!topic.endsWith('/welcome')) return;
        const decoded = reader.read(payload);
        if (decoded?.type !== 'json') return;
        session = (JSON.parse((decoded.value as { payload: string }).payload) as { session: number }).session;
        welcomed++;
      },
      closed: () => {
        open = false;
      },
    };
    const dialled = broker.dial({ node: 'board-1', keyId: 'key of board-1' })({ bootId: 'b', serial: '', keepAliveMs: 20_000 }, end);
    await clock.advance(2_000);
    const pipe = await dialled;
    const hello = { agentVersion: '1', versions: [1, 2, 3], bootId: 'b', nonce: 'n' };
    for (const payload of encodeJson(hello)) await pipe.send(upTopic({ clusterId, node: 'board-1' }, 'hello'), payload);
    await clock.advance(10);
    for (; open && sent < messages; sent++) {
      const parser = up[Math.floor(random.next() * up.length)] ?? up[0];
      if (!parser) break;
      const good = parser.good[Math.floor(random.next() * parser.good.length)];
      const aimed = JSON.parse(
        JSON.stringify(good)
          .replaceAll('"session":1', `"session":${session}`)
          .replaceAll('"u-1"', JSON.stringify(victim))
          .replaceAll('"web"', '"web-of-board-2"'),
      ) as unknown;
      const value = random.next() < 0.3 ? aimed : poisoned(aimed, random);
      const own = upTopic({ clusterId, node: 'board-1' }, parser.up ?? 'report');
      const foreign = random.next() < 0.05;
      struck?.(foreign ? "another's topic" : 'poisoned message');
      await pipe.send(foreign ? foreignTopic(random) : own, bytes(value, random)).catch(() => {});
      if (sent % 20 === 0) await clock.advance(50);
    }
    await clock.advance(100);
    pipe.close();
    await clock.advance(10);
  }
  await clock.advance(5_000);
  looked?.("nothing but the board's own is written");
  if (others() !== before) throw new Error(`a board wrote what is not its own: ${before} became ${others()}`);
  looked?.('the hub goes on answering');
  if (welcomed === 0) throw new Error('the hub never answered');
  await world.close();
}
