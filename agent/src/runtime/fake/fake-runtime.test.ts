import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import { describe, expect, test } from 'vitest';
import { plainContainer, plainSandbox, type RuntimeHarness, runtimeContract } from '../runtime.contract.ts';
import { RuntimeError } from '../types.ts';
import { FakeRuntime } from './fake-runtime.ts';

const podCIDR = '10.213.7.0/27';

runtimeContract('fake', makeHarness, { shell: false });

async function makeHarness(): Promise<RuntimeHarness> {
  const clock = new FakeClock();
  const images = { 'localhost/run:1': { present: true }, 'localhost/missing:1': { pullError: 'manifest unknown' } };
  const runtime = new FakeRuntime({ clock, images });
  const restart = async (): Promise<FakeRuntime> => {
    await runtime.close();
    await runtime.start();
    await runtime.setPodCidr(podCIDR);
    return runtime;
  };
  await restart();
  return {
    runtime: () => runtime,
    restart,
    pass: (ms) => clock.advance(ms),
    listens: async () => {},
    does: {
      forEver: () => ({ env: { FAKE_ON_TERM: '0' } }),
      ignoresTerm: () => ({ env: { FAKE_ON_TERM: 'ignore' } }),
      exits: (code, afterMs) => ({ env: { FAKE_EXIT_CODE: `${code}`, FAKE_EXIT_AFTER_MS: `${afterMs}` } }),
      writes: (text) => ({ env: { FAKE_OUTPUT: text, FAKE_EXIT_AFTER_MS: '0' } }),
      repeats: (text) => ({ env: { FAKE_OUTPUT: text, FAKE_REPEAT_EVERY_MS: '100' } }),
      outOfMemory: () => ({ env: { FAKE_OOM_KILLED: 'true', FAKE_EXIT_AFTER_MS: '10' } }),
      cannotStart: () => ({ env: { FAKE_START_ERROR: 'no such file' } }),
    },
    image: 'localhost/run:1',
    missingImage: 'localhost/missing:1',
    close: () => runtime.close(),
  };
}

describe('FakeRuntime', () => {
  test('counts starts and pulls, takes its time and fails when told', async () => {
    const clock = new FakeClock();
    const runtime = new FakeRuntime({ clock, images: { app: { pullMs: 1000, pullError: ['busy', ''], exitAfterMs: 10, exitCode: 2 } } });
    await runtime.start();
    const first = expect(runtime.pullImage('app', undefined)).rejects.toMatchObject({ reason: 'ErrImagePull', message: 'busy' });
    await clock.advance(1000);
    await first;
    const second = runtime.pullImage('app', undefined);
    await clock.advance(1000);
    await second;
    expect(runtime.pulls.get('docker.io/library/app:latest')).toBe(2);

    await expect(runtime.createSandbox(plainSandbox)).rejects.toMatchObject({ reason: 'NetworkNotReady' });
    await runtime.setPodCidr(podCIDR);
    runtime.failNext('createSandbox', new RuntimeError('Unavailable', 'no'));
    await expect(runtime.createSandbox(plainSandbox)).rejects.toThrow('no');
    const sandbox = await runtime.createSandbox(plainSandbox);
    await runtime.createContainer(sandbox, { ...plainContainer, image: 'app' });
    expect(runtime.starts.get('default/pod/main')).toBe(1);
    await clock.advance(10);
    expect((await runtime.list())[0]?.containers).toMatchObject([{ status: 'exited', exitCode: 2 }]);
  });

  test('loses its processes in a reboot, nothing else', async () => {
    const runtime = new FakeRuntime({ clock: new FakeClock(), images: { app: { present: true } } });
    await runtime.start();
    await runtime.setPodCidr(podCIDR);
    await runtime.createContainer(await runtime.createSandbox(plainSandbox), { ...plainContainer, image: 'app' });
    runtime.reboot();
    expect(await runtime.list()).toMatchObject([{ ready: false, containers: [{ status: 'exited', exitCode: 137 }] }]);
  });

  test('refuses an environment that means nothing', async () => {
    const runtime = new FakeRuntime({ clock: new FakeClock(), images: { app: { present: true } } });
    await runtime.start();
    await runtime.setPodCidr(podCIDR);
    const spec = { ...plainContainer, image: 'app', env: { FAKE_EXIT_CODE: 'x' } };
    await expect(runtime.createContainer(await runtime.createSandbox(plainSandbox), spec)).rejects.toThrow(
      'FAKE_EXIT_CODE=x is not a number',
    );
  });
});
