import { FakeFiles } from '@flotilla/shared/platform/fake-files.js';
import { expect, it } from 'vitest';
import { passed, readInterfaces } from './interface-counters.ts';

const device = (name: string, down: number, up: number): string => `${name.padStart(6)}:${down} 1 0 0 0 0 0 0 ${up} 1 0 0 0 0 0 0\n`;

async function machine(devices: string, routes: string, routes6 = ''): Promise<FakeFiles> {
  const files = new FakeFiles();
  await files.mkdir('/proc/net');
  await files.write('/proc/net/dev', `Inter-| Receive\n face |bytes\n${devices}`);
  await files.write('/proc/net/route', `Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n${routes}`);
  await files.write('/proc/net/ipv6_route', routes6);
  return files;
}

it('finds what default routes leave by', async () => {
  const files = await machine(
    device('lo', 9, 9) + device('eth0', 10, 20) + device('wlan0', 30, 40) + device('wwan0', 50, 60) + device('veth7', 1, 1),
    'eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\nwlan0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\nwwan0\t00000000\t010200C0\t0002\t0\t0\t0\t00000000\n',
    '00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003    eth0\n' +
      '00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n',
  );
  expect(await readInterfaces(files)).toEqual({
    eth0: { down: 10, up: 20, uplink: true },
    wlan0: { down: 30, up: 40, uplink: true },
    wwan0: { down: 50, up: 60, uplink: false },
  });
});

it('is empty where there is no /proc', async () => {
  expect(await readInterfaces(new FakeFiles())).toEqual({});
});

it('counts what passed while an interface was the uplink, before or after', () => {
  const at = (up: number, uplink = true) => ({ up, down: 10 * up, uplink });
  expect(passed({ eth0: at(5) }, { eth0: at(8) })).toEqual({ up: 3, down: 30 });
  expect(passed({ eth0: at(5), lan0: at(5, false) }, { eth0: at(8, false), lan0: at(900, false) })).toEqual({ up: 3, down: 30 });
  // Counters that began anew, and an interface that was plugged in.
  expect(passed({ eth0: at(5) }, { eth0: at(2), wwan0: at(1) })).toEqual({ up: 3, down: 30 });
  // One that carried other things before it became the uplink.
  expect(passed({ wlan0: at(500, false) }, { wlan0: at(501) })).toEqual({ up: 1, down: 10 });
});
