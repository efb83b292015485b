import { SeededRandom } from '@flotilla/shared/platform/random.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RuntimeError } from '#runtime/types.ts';
import { type Board, makeBoard, makeContainer, makePod } from './agent-harness.ts';

async function names(board: Board): Promise<string[]> {
  return (await board.runtime.list()).map(({ name }) => name).sort();
}

async function running(board: Board): Promise<string[]> {
  const list = await board.runtime.list();
  return list
    .flatMap(({ name, containers }) => containers.filter(({ status }) => status === 'running').map((one) => `${name}/${one.name}`))
    .sort();
}

/** A short life with everything that writes: volumes, a restart, a change, a deletion. */
async function shortLife(board: Board): Promise<void> {
  const keep = makePod('keep', { volumes: [{ name: 'v', configMap: { name: 'c' } }] }, { uid: 'uid-keep' });
  const go = makePod('go', {}, { uid: 'uid-go' });
  const configMap = (text: string): object => ({ metadata: { namespace: 'default', name: 'c' }, data: { key: text } });
  await board.hub.want([keep, go], { configMaps: [configMap('one')] });
  await board.pass(1000);
  const [first] = (await board.runtime.list()).flatMap(({ containers }) => containers);
  board.runtime.kill(first?.id ?? '');
  await board.pass(1000);
  await board.hub.want([keep], { configMaps: [configMap('two')] });
  await board.pass(1000);
}

describe('a power cut', () => {
  it('at any write leaves a board that comes to what is wanted, with one container each', async () => {
    const whole = await makeBoard();
    const before = whole.files.steps;
    await shortLife(whole);
    const steps = whole.files.steps - before;
    expect(steps).toBeGreaterThan(40);
    expect(await running(whole)).toEqual(['keep/main']);

    for (let step = 0; step < steps; step++) {
      const board = await makeBoard();
      board.files.cutAfter(step);
      await shortLife(board).catch(() => {});
      await board.kill('power');
      // The hub has what it acknowledged; the board is offline first, then back.
      board.hub.cutOff();
      await board.boot();
      await board.pass(5000);
      expect((await names(board)).length, `duplicates after a cut at step ${step}`).toBe(new Set(await names(board)).size);
      board.hub.comeBack();
      await board.pass(10_000);
      expect(await running(board), `cut at step ${step}`).toEqual(['keep/main']);
      expect(await names(board)).toEqual(['keep']);
      const dir = '/data/agent/pods/uid-keep/volumes/v';
      expect(await board.files.readText(`${dir}/key`)).toBe('two');
      expect(await board.files.list('/data/agent/pods')).toEqual(['uid-keep']);
    }
  });
});

describe('any order of events', () => {
  it('ends as it is wanted, and never has a pod or a container twice', async () => {
    const event = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant('want' as const), pods: fc.uniqueArray(fc.nat(3), { maxLength: 4 }), version: fc.nat(1) }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('kill' as const, 'power' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('cutOff' as const, 'comeBack' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('exit' as const), which: fc.nat(5) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('vanish' as const), which: fc.nat(5) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant('fail' as const),
          method: fc.constantFrom('createSandbox' as const, 'createContainer' as const, 'stopContainer' as const, 'removeSandbox' as const),
        }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat(20_000) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 25 }), fc.nat(), async (events, seed) => {
        const random = new SeededRandom(seed);
        const board = await makeBoard();
        let pods: ReturnType<typeof makePod>[] = [];
        let born = 0;
        const single = async (): Promise<void> => {
          const sandboxes = await board.runtime.list();
          const uids = sandboxes.map(({ uid }) => uid);
          expect(new Set(uids).size).toBe(uids.length);
          for (const { containers } of sandboxes) {
            const alive = containers.filter(({ status }) => status === 'running').map(({ name }) => name);
            expect(new Set(alive).size).toBe(alive.length);
          }
        };
        for (const now of events) {
          const all = (await board.runtime.list()).flatMap(({ containers }) => containers);
          if (now.do === 'want') {
            const wanted = now.pods.map((name) => `p${name}`);
            const kept = pods.filter((pod) => wanted.includes(pod.metadata?.name ?? ''));
            const fresh = wanted.filter((name) => !kept.some((pod) => pod.metadata?.name === name));
            pods = [
              ...kept,
              ...fresh.map((name) =>
                makePod(name, { containers: [makeContainer('main'), makeContainer('two')] }, { uid: `u-${name}-${born++}` }),
              ),
            ];
            pods = pods.map((pod) => ({
              ...pod,
              spec: {
                ...pod.spec,
                containers: [makeContainer('main', {}, { image: `localhost/app:${now.version + 1}` }), makeContainer('two')],
              },
            }));
            await board.hub.want(pods);
          } else if (now.do === 'kill' || now.do === 'power') {
            // Somewhere in the middle of what it was doing.
            board.files.cutAfter(Math.floor(random.next() * 30));
            await board.pass(Math.floor(random.next() * 200));
            await board.kill(now.do === 'kill' ? 'process' : 'power');
            await board.boot();
          } else if (now.do === 'cutOff') board.hub.cutOff();
          else if (now.do === 'comeBack') board.hub.comeBack();
          else if (now.do === 'exit') board.runtime.kill(all[now.which % Math.max(1, all.length)]?.id ?? '');
          else if (now.do === 'vanish') await board.runtime.removeContainer(all[now.which % Math.max(1, all.length)]?.id ?? '');
          else if (now.do === 'fail') board.runtime.failNext(now.method, new RuntimeError('Unavailable', 'not now'));
          else if (now.do === 'pass') await board.pass(now.ms);
          await board.pass(0);
          await single();
        }
        if (board.files.off) {
          await board.kill('power');
          await board.boot();
        }
        board.hub.comeBack();
        await board.pass(700_000);
        await single();
        expect(await running(board)).toEqual(pods.flatMap((pod) => [`${pod.metadata?.name}/main`, `${pod.metadata?.name}/two`]).sort());
        for (const pod of pods) expect(board.hub.pods.get(pod.metadata?.uid ?? '')?.status).toMatchObject({ phase: 'Running' });
      }),
      { numRuns: 60 },
    );
  });
});
