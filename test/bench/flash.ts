/**
 * P18: writing and verifying an image, against `dd` and `cmp` on the same device; memory with one drive and with twelve. The drives are
 * loop devices over files, so it needs root. Rounds alternate: what else the machine's disk does hits both alike.
 */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemRandom } from '@flotilla/shared/platform/random.js';
import { bundle } from './bundle.ts';
import { median, type Report } from './figure.ts';
import { statusKb } from './memory.ts';

const mib = 1 << 20;
const imageMib = 2048;
const rounds = 2;
const manyDrives = 12;
const manyMib = 128;

export async function run(report: Report): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-bench-flash-'));
  const loops: string[] = [];
  const loop = (name: string, sizeMib: number): string => {
    const file = join(dir, name);
    const handle = openSync(file, 'w');
    ftruncateSync(handle, sizeMib * mib);
    closeSync(handle);
    const device = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
    loops.push(device);
    return device;
  };
  const clear = (): void => {
    for (const device of loops.splice(0)) execFileSync('losetup', ['--detach', device]);
    rmSync(dir, { recursive: true, force: true });
  };
  // Whoever loses patience leaves no devices behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      clear();
      process.exit(130);
    });
  try {
    // As releases carry it: running the sources takes 60 MB more.
    const program = join(dir, 'hub/cmd/flotilla.js');
    await bundle('hub', join(dir, 'hub'));
    const image = join(dir, 'image.img');
    randomFile(image, imageMib);
    const device = loop('drive', imageMib);
    const dd = { write: [] as number[], verify: [] as number[] };
    const flash = { write: [] as number[], verify: [] as number[], peakKb: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      dd.write.push(timed(() => execFileSync('dd', [`if=${image}`, `of=${device}`, 'bs=4M', 'conv=fsync', 'status=none'])));
      forget(device);
      dd.verify.push(timed(() => execFileSync('cmp', [image, device])));
      forget(device);
      const { rates, peakKb } = await flashed(program, image, [device]);
      flash.write.push(rates[0]?.write ?? Number.NaN);
      flash.verify.push(rates[0]?.verify ?? Number.NaN);
      flash.peakKb.push(peakKb);
      forget(device);
    }
    for (const part of ['write', 'verify'] as const) {
      const value = median(flash[part]);
      const baseline = median(dd[part].map((seconds) => (imageMib * mib) / 1e6 / seconds));
      const name = part === 'write' ? 'a 2 GB image onto a card: written' : 'a 2 GB image onto a card: read back and compared';
      report({ suite: 'flash', id: 'P18', name, value, unit: 'MB/s', baseline, ratio: value / baseline, aim: 0.95, better: 'higher' });
    }
    const memory = (name: string, kb: number): void =>
      report({ suite: 'flash', id: 'P18', name, value: kb / 1000, unit: 'MB', aim: 80, better: 'lower' });
    memory('peak memory of the flasher, one drive', Math.max(...flash.peakKb));
    const small = join(dir, 'small.img');
    randomFile(small, manyMib);
    const many = Array.from({ length: manyDrives }, (_, index) => loop(`drive-${index}`, manyMib));
    memory('peak memory of the flasher, twelve drives', (await flashed(program, small, many)).peakKb);
  } finally {
    clear();
  }
}

function randomFile(path: string, sizeMib: number): void {
  const random = new SystemRandom();
  writeFileSync(path, '');
  const handle = openSync(path, 'w');
  for (let at = 0; at < sizeMib; at += 16) writeSync(handle, random.bytes(16 * mib));
  closeSync(handle);
  execFileSync('sync', [path]);
}

function timed(work: () => unknown): number {
  const startedMs = performance.now();
  work();
  return (performance.now() - startedMs) / 1000;
}

/** Has the kernel forget what it holds, so that both read from the device; in a container it may not be allowed. */
function forget(device: string): void {
  execFileSync('blockdev', ['--flushbufs', device]);
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3');
  } catch {
    // The image stays in memory then, for both.
  }
}

async function flashed(
  program: string,
  image: string,
  devices: readonly string[],
): Promise<{ readonly rates: { readonly write: number; readonly verify: number }[]; readonly peakKb: number }> {
  const child = spawn(
    process.execPath,
    [
      ...['--disable-warning=ExperimentalWarning', '--max-semi-space-size=8', program],
      ...['flash', image, '--yes', ...devices.flatMap((device) => ['--device', device])],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let [said, failed] = ['', ''];
  child.stdout.on('data', (chunk) => {
    said += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    failed += String(chunk);
  });
  let peakKb = 0;
  const watch = setInterval(() => {
    peakKb = Math.max(peakKb, statusKb(child.pid ?? 0, 'VmHWM'));
  }, 50);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`flotilla flash failed: ${failed}`);
  const rates = [...said.matchAll(/written \(([\d.]+) MB\/s\) and verified \(([\d.]+) MB\/s\)/g)].map(([, write, verify]) => ({
    write: Number(write),
    verify: Number(verify),
  }));
  return { rates, peakKb };
}
