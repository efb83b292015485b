import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { expect, test } from 'vitest';
import { FakeRuntime } from '#runtime/fake/fake-runtime.ts';
import { ImagePulls } from './image-pulls.ts';

async function setUp(names: readonly string[]): Promise<{ clock: FakeClock; runtime: FakeRuntime; images: ImagePulls }> {
  const clock = new FakeClock();
  const runtime = new FakeRuntime({ clock, images: Object.fromEntries(names.map((name) => [name, { pullMs: 1000 }])) });
  await runtime.start();
  return { clock, runtime, images: new ImagePulls(runtime) };
}

test('an image that many want is pulled once', async () => {
  const { clock, runtime, images } = await setUp(['app']);
  const all = Promise.all(['app', 'app:latest', 'docker.io/library/app'].map((name) => images.pullImage(name, undefined)));
  await clock.advance(1000);
  expect(new Set((await all).map((image) => image.id)).size).toBe(1);
  expect([...runtime.pulls]).toEqual([['docker.io/library/app:latest', 1]]);
  void images.pullImage('app', undefined);
  await clock.advance(1000);
  expect(runtime.pulls.get('docker.io/library/app:latest')).toBe(2);
});

test('other credentials are another pull', async () => {
  const { clock, runtime, images } = await setUp(['app']);
  const all = Promise.all(['a', 'b', 'a'].map((username) => images.pullImage('app', { username, password: 'x' })));
  await clock.advance(1000);
  await all;
  expect(runtime.pulls.get('docker.io/library/app:latest')).toBe(2);
});

test('two at once, the others in turn', async () => {
  const { clock, runtime, images } = await setUp(['a', 'b', 'c']);
  const all = Promise.all(['a', 'b', 'c'].map((name) => images.pullImage(name, undefined)));
  await clock.advance(999);
  expect(runtime.pulls.size).toBe(2);
  await clock.advance(1001);
  await all;
  expect(runtime.pulls.size).toBe(3);
});

test('goes on while somebody waits, and is given up when nobody does', async () => {
  const { clock, runtime, images } = await setUp(['a', 'b', 'c']);
  const [first, second] = [new AbortController(), new AbortController()];
  const one = expect(images.pullImage('a', undefined, first.signal)).rejects.toMatchObject({ reason: 'Aborted' });
  const other = images.pullImage('a', undefined, second.signal);
  await clock.advance(500);
  first.abort();
  await one;
  await clock.advance(500);
  expect((await other).names).toEqual(['docker.io/library/a:latest']);

  const third = new AbortController();
  const alone = expect(images.pullImage('b', undefined, third.signal)).rejects.toMatchObject({ reason: 'Aborted' });
  await clock.advance(500);
  third.abort();
  await alone;
  await clock.advance(5000);
  expect(await runtime.image('b')).toBeUndefined();
  const again = images.pullImage('b', undefined);
  await clock.advance(1000);
  expect((await again).names).toEqual(['docker.io/library/b:latest']);
});

test('a failure is everybody’s and the next call tries anew', async () => {
  const clock = new FakeClock();
  const runtime = new FakeRuntime({ clock, images: { app: { pullError: ['registry is down', ''] } } });
  await runtime.start();
  const images = new ImagePulls(runtime);
  const both = await Promise.allSettled([images.pullImage('app', undefined), images.pullImage('app', undefined)]);
  expect(both.map((one) => one.status)).toEqual(['rejected', 'rejected']);
  expect((await images.pullImage('app', undefined)).names).toEqual(['docker.io/library/app:latest']);
  await expect(images.pullImage('A', undefined)).rejects.toMatchObject({ reason: 'InvalidImageName' });
});
