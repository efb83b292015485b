import { FakeClock } from '@flotilla/shared/clock/fake-clock.js';
import type { DeviceEnd, DevicePipe } from '@flotilla/shared/protocol/courier.js';
import { expect, it } from 'vitest';
import { Line } from './line.ts';

const introduction = { bootId: 'boot', serial: '', keepAliveMs: 20_000 };

class Far {
  readonly sent: string[] = [];
  readonly heard: string[] = [];
  readonly ends: string[] = [];
  end: DeviceEnd | undefined;
  open = 0;
  readonly near: DeviceEnd = { message: (topic) => this.heard.push(topic), closed: (reason) => this.ends.push(reason) };
  readonly courier = {
    connect: async (_: unknown, end: DeviceEnd): Promise<DevicePipe> => {
      this.end = end;
      this.open++;
      return { send: async (topic) => void this.sent.push(topic), close: () => void this.open-- };
    },
  };
}

it('passes everything on', async () => {
  const far = new Far();
  const line = new Line({ courier: far.courier, clock: new FakeClock() });
  const pipe = await line.connect(introduction, far.near);
  await pipe.send('up', Buffer.alloc(0));
  far.end?.message('down', Buffer.alloc(0));
  far.end?.closed('gone');
  far.end?.closed('gone twice');
  expect(far).toMatchObject({ sent: ['up'], heard: ['down'], ends: ['gone'] });
});

it('delays both ways and keeps the order', async () => {
  const far = new Far();
  const clock = new FakeClock();
  const line = new Line({ courier: far.courier, clock, delayMs: 1_000 });
  const pipe = await line.connect(introduction, far.near);
  const sending = ['one', 'two'].map((topic) => pipe.send(topic, Buffer.alloc(0)));
  for (const topic of ['a', 'b']) far.end?.message(topic, Buffer.alloc(0));
  await clock.advance(999);
  expect([...far.sent, ...far.heard]).toEqual([]);
  await clock.advance(1);
  await Promise.all(sending);
  expect(far).toMatchObject({ sent: ['one', 'two'], heard: ['a', 'b'] });
});

it('is gone while it is cut, and tells its end once', async () => {
  const far = new Far();
  const line = new Line({ courier: far.courier, clock: new FakeClock() });
  await line.connect(introduction, far.near);
  line.cut();
  line.cut();
  far.end?.closed('late');
  expect(far).toMatchObject({ ends: ['the line is cut'], open: 0 });
  await expect(line.connect(introduction, far.near)).rejects.toThrow('the line is cut');
  line.mend();
  await line.connect(introduction, far.near);
  expect(far.open).toBe(1);
});

it('lets no connection through that was made while it was cut', async () => {
  const far = new Far();
  const line = new Line({ courier: far.courier, clock: new FakeClock() });
  const connecting = line.connect(introduction, far.near);
  line.cut();
  await connecting;
  expect(far).toMatchObject({ ends: ['the line is cut'], open: 0 });
});
