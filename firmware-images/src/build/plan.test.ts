import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Board, type Layer, type Layout, parseDefinition } from './definition.ts';
import { contentHash, contentUuid, type ImagePlan, planImage } from './plan.ts';

const root = join(import.meta.dirname, '../..');
const names = (kind: string): string[] => readdirSync(join(root, kind)).map((file) => file.replace(/\.json$/, ''));
const read = (kind: string, name: string): string => readFileSync(join(root, kind, `${name}.json`), 'utf8');
const layersOf = (board: Board): Layer[] => board.layers.map((name) => parseDefinition('layers', name, read('layers', name)));
const layoutOf = (name: string): Layout => parseDefinition('layouts', name, read('layouts', name));
const planOf = (board: Board, layout = board.layout): ImagePlan => planImage({ board, layers: layersOf(board), layout: layoutOf(layout) });

describe('what is in the repository', () => {
  test.for(names('boards'))('board %s has a plan, in every layout, without a variable left or an address', (name) => {
    const board = parseDefinition('boards', name, read('boards', name));
    for (const layout of names('layouts')) {
      const plan = planOf(board, layout);
      expect(JSON.stringify(plan)).not.toMatch(/\$\{|https?:\/\//);
      expect(plan.packages).toEqual([...plan.packages].sort());
      expect(plan).toMatchObject({ agentBundle: true, architecture: board.architecture });
      expect(plan.kernelArguments).toContain('cgroup_enable=memory');
      expect(plan.enable).toEqual(expect.arrayContaining(['flotilla-agent.service', 'flotilla-first-boot.service']));
      expect(plan.mask).toContain('ssh.service');
    }
  });

  test.for(['flotilla-first-boot.service', 'flotilla-joined.service'])('%s outlives a boot partition that comes late', (unit) => {
    const layer = parseDefinition('layers', 'first-boot', read('layers', 'first-boot'));
    const lines = layer.files?.find(({ path }) => path === `/etc/systemd/system/${unit}`)?.lines ?? [];
    const of = (key: string): string => lines.find((line) => line.startsWith(`${key}=`)) ?? '';
    // A mount that is only wanted fails alone; the unit mounts it itself, and is tried until it can.
    expect(of('RequiresMountsFor')).not.toContain('/boot');
    for (const key of ['Wants', 'After']) expect(of(key)).toContain('boot-firmware.mount');
    expect(of('ExecStartPre')).toContain('mountpoint -q /boot/firmware || mount /boot/firmware');
    expect(lines).toEqual(expect.arrayContaining(['Restart=on-failure', 'RestartSec=20', 'StartLimitIntervalSec=0']));
    if (unit === 'flotilla-first-boot.service')
      expect(lines).toContain('ExecStartPost=-/usr/bin/systemctl --no-block start flotilla-agent.service');
  });

  /** What the firmware of a board looks for. */
  test.for([
    [
      'generic-amd64',
      'gpt',
      'esp',
      ['EFI/BOOT/BOOTX64.EFI', 'vmlinuz', 'initrd.img', 'loader/loader.conf', 'loader/entries/flotilla.conf'],
    ],
    [
      'generic-arm64',
      'gpt',
      'esp',
      ['EFI/BOOT/BOOTAA64.EFI', 'vmlinuz', 'initrd.img', 'loader/loader.conf', 'loader/entries/flotilla.conf'],
    ],
    [
      'raspberry-pi-3',
      'mbr',
      'fat',
      ['bootcode.bin', 'start.elf', 'fixup.dat', './', 'vmlinuz', 'initrd.img', 'config.txt', 'cmdline.txt'],
    ],
    [
      'raspberry-pi-4',
      'mbr',
      'fat',
      ['bootcode.bin', 'start4.elf', 'fixup4.dat', './', 'vmlinuz', 'initrd.img', 'config.txt', 'cmdline.txt'],
    ],
    [
      'raspberry-pi-zero-2-w',
      'mbr',
      'fat',
      ['bootcode.bin', 'start.elf', 'fixup.dat', './', 'vmlinuz', 'initrd.img', 'config.txt', 'cmdline.txt'],
    ],
  ] as const)('board %s starts: partition table, boot files, kernel flags, packages', ([name, table, type, bootFiles]) => {
    const plan = planOf(parseDefinition('boards', name, read('boards', name)));
    expect(plan.layout.table).toBe(table);
    expect(plan.layout.partitions.map((one) => `${one.type} ${one.content}`)).toEqual([`${type} boot`, 'linux root']);
    expect(plan.bootFiles.map(({ path }) => path)).toEqual(bootFiles);
    expect(plan.kernelArguments).toMatch(
      /^root=LABEL=flotilla-root rw rootwait cgroup_enable=memory .*console=tty0 console=tty\w+,115200$/,
    );
    const shown = JSON.parse(plan.files.find((file) => file.path === '/etc/flotilla/board.json')?.lines[0] ?? '');
    expect(shown).toEqual({ led: name.startsWith('raspberry') ? 'ACT' : '', screen: '/dev/tty1' });
    const flags = plan.bootFiles.find(({ path }) => ['cmdline.txt', 'loader/entries/flotilla.conf'].includes(path))?.lines?.at(-1);
    expect(flags?.replace(/^options /, '')).toBe(plan.kernelArguments);
    const own = table === 'gpt' ? ['systemd-boot-efi'] : ['raspi-firmware', 'firmware-brcm80211', 'fdisk'];
    expect(plan.packages).toEqual(expect.arrayContaining([`linux-image-${plan.architecture}`, 'podman', 'initramfs-tools', ...own]));
    expect(plan.components).toEqual(table === 'gpt' ? [] : ['non-free-firmware']);
  });

  test('every board has its structure looked at above', () => {
    expect(names('boards').sort()).toEqual(['generic-amd64', 'generic-arm64', 'raspberry-pi-3', 'raspberry-pi-4', 'raspberry-pi-zero-2-w']);
  });

  test('every layer and layout is read, and used by a board or meant for one', () => {
    for (const name of names('layers')) expect(parseDefinition('layers', name, read('layers', name)).name).toBe(name);
    expect(names('layouts').map((name) => layoutOf(name).name)).toEqual(names('layouts'));
  });
});

const generic = parseDefinition('boards', 'generic-arm64', read('boards', 'generic-arm64'));

test('a board is added with one file', () => {
  const added: Board = parseDefinition(
    'boards',
    'acme-box',
    JSON.stringify({
      ...generic,
      name: 'acme-box',
      description: 'a box of Acme with a serial console of its own',
      packages: ['linux-image-arm64', 'firmware-acme'],
      kernelArguments: ['console=ttyS9,1500000'],
      variables: { ...generic.variables, watchdogSeconds: 10 },
    }),
  );
  const plan = planOf(added, 'ab');
  expect(plan.packages).toContain('firmware-acme');
  expect(plan.kernelArguments).toMatch(/^root=LABEL=flotilla-root .* console=ttyS9,1500000$/);
  expect(plan.files.find(({ path }) => path === '/etc/systemd/system.conf.d/flotilla.conf')?.lines).toContain('RuntimeWatchdogSec=10');
  expect(plan.layout.partitions.map(({ name }) => name)).toEqual(['boot', 'root-a', 'root-b', 'data']);
});

describe('what does not fit together is told', () => {
  const layers = layersOf(generic);
  const layout = layoutOf('single');
  const fails = (change: Partial<Board>, otherLayers = layers, otherLayout = layout): string => {
    try {
      planImage({ board: { ...generic, ...change }, layers: otherLayers, layout: otherLayout });
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  test('layers', () => {
    expect(
      fails(
        {},
        layers.filter(({ name }) => name !== 'runtime'),
      ),
    ).toBe('board generic-arm64: layer agent requires runtime, which no layer of it provides');
    expect(fails({}, [...layers, ...layers.slice(0, 1)])).toContain('system is provided twice, the second time by layer base');
  });
  test('variables', () => {
    expect(fails({ variables: {} })).toBe('board generic-arm64: the variable efiLoader has no value');
    expect(fails({ variables: { ...generic.variables, colour: 'red' } })).toContain('no layer of it has a variable colour');
    expect(fails({ variables: { ...generic.variables, watchdogSeconds: 'soon' } })).toContain(
      'watchdogSeconds is "soon", which is no integer',
    );
    expect(fails({ kernelArguments: [`x=$${'{unknown}'}`] })).toContain('there is no variable unknown');
  });
  test('layouts', () => {
    const [boot, rootPart] = layout.partitions;
    if (!boot || !rootPart) throw new Error('no partitions');
    expect(fails({}, layers, { ...layout, partitions: [boot] })).toBe('layout single: there must be one root partition');
    expect(
      fails({}, layers, {
        ...layout,
        table: 'mbr',
        partitions: [boot, rootPart, ...Array.from({ length: 3 }, () => ({ ...boot, content: 'empty' as const }))],
      }),
    ).toContain('four');
    expect(fails({}, layers, { ...layout, partitions: [{ name: 'boot', type: 'esp', content: 'boot' }, rootPart] })).toContain(
      'boot needs a sizeMib',
    );
  });
});

test.for([
  ['boards', '{', 'boards/x.json is not JSON'],
  ['boards', '{"name":"x"}', 'boards/x.json: description is missing'],
  [
    'layouts',
    '{"name":"x","description":"d","table":"gpt","partitions":[{"name":"a","type":"ntfs","content":"boot"}]}',
    'partitions[0].type is none of esp, fat, linux',
  ],
  ['layouts', '{"name":"y","description":"d","table":"gpt","partitions":[]}', 'a file is called as what is in it'],
  [
    'layers',
    '{"name":"x","description":"d","requires":[],"provides":[],"files":[{"path":"/a/../b","lines":[]}]}',
    'files[0].path is not an absolute path',
  ],
  ['layers', '{"name":"x","description":"d","requires":[],"provides":[],"colour":1}', 'colour is no field; there are: name'],
  [
    'layers',
    '{"name":"x","description":"d","requires":[],"provides":[],"packages":["Bad!"]}',
    'packages[0] is not the name of a Debian package',
  ],
] as const)('%s %s: the file and the field are named', ([kind, json, expected]) => {
  expect(() => parseDefinition(kind, 'x', json)).toThrow(expected);
});

test('hashes tell inputs apart, and UUIDs are ones', () => {
  expect(contentHash('ab', 'c')).not.toBe(contentHash('a', 'bc'));
  expect(contentUuid(contentHash('a'), 'disk')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(contentUuid('a', 'disk')).not.toBe(contentUuid('a', 'root'));
});
