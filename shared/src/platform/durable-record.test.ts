import { describe, expect, it } from 'vitest';
import { DurableRecord } from './durable-record.ts';
import { FakeFiles } from './fake-files.ts';

const setUp = async (): Promise<FakeFiles> => {
  const files = new FakeFiles();
  await files.mkdir('/d');
  return files;
};

describe('DurableRecord', () => {
  it('reads the newest value, across restarts', async () => {
    const files = await setUp();
    expect(await new DurableRecord(files, '/d/r').read()).toEqual({ value: undefined, damaged: false });
    for (let value = 1; value <= 5; value++) await new DurableRecord<number>(files, '/d/r').write(value);
    expect(await new DurableRecord<number>(files, '/d/r').read()).toEqual({ value: 5, damaged: false });
    expect((await files.stat('/d/r.0'))?.mode).toBe(0o600);
  });

  it('keeps call order', async () => {
    const files = await setUp();
    const record = new DurableRecord<number>(files, '/d/r');
    await Promise.all([record.write(1), record.write(2), record.write(3)]);
    expect((await record.read()).value).toBe(3);
  });

  it('falls back one generation when the newest is damaged, and then heals', async () => {
    const files = await setUp();
    const record = new DurableRecord<number>(files, '/d/r');
    await record.write(1);
    await record.write(2);
    files.corrupt('/d/r.1');
    const again = new DurableRecord<number>(files, '/d/r');
    expect(await again.read()).toEqual({ value: 1, damaged: true });
    await again.write(3);
    expect(await new DurableRecord<number>(files, '/d/r').read()).toEqual({ value: 3, damaged: false });
  });

  it('gives out all that is whole, the newest first', async () => {
    const files = await setUp();
    const record = new DurableRecord<number>(files, '/d/r');
    expect(await record.readAll()).toEqual({ values: [], damaged: false });
    for (const value of [1, 2, 3]) await record.write(value);
    expect(await record.readAll()).toEqual({ values: [3, 2], damaged: false });
    files.corrupt('/d/r.1');
    expect(await record.readAll()).toEqual({ values: [3], damaged: true });
  });

  it('has nothing when both are damaged', async () => {
    const files = await setUp();
    const record = new DurableRecord<number>(files, '/d/r');
    await record.write(1);
    await record.write(2);
    files.corrupt('/d/r.0');
    files.corrupt('/d/r.1');
    expect(await new DurableRecord<number>(files, '/d/r').read()).toEqual({ value: undefined, damaged: true });
  });

  it('holds the old or the new value after a power cut at any step', async () => {
    for (let step = 0; step < 12; step++) {
      const files = await setUp();
      const record = new DurableRecord<number>(files, '/d/r');
      await record.write(1);
      files.cutAfter(step);
      const acknowledged = [1];
      for (const value of [2, 3, 4]) {
        await record.write(value).then(
          () => acknowledged.push(value),
          () => {},
        );
      }
      files.restore();
      const { value } = await new DurableRecord<number>(files, '/d/r').read();
      expect(value).toBeGreaterThanOrEqual(acknowledged.at(-1) ?? 0);
    }
  });

  it('removes itself', async () => {
    const files = await setUp();
    const record = new DurableRecord<number>(files, '/d/r');
    await record.write(1);
    await record.remove();
    expect(await files.list('/d')).toEqual([]);
    await record.write(2);
    expect((await record.read()).value).toBe(2);
  });
});
