import { expect, test } from 'vitest';
import { imagerRepository, type ListedManifest } from './imager-repository.ts';

const manifest: ListedManifest = {
  board: 'raspberry-pi-4',
  description: 'Raspberry Pi 4 Model B',
  imagerTags: ['pi4-64bit'],
  architecture: 'arm64',
  file: 'flotilla-raspberry-pi-4.img.zst',
  sizeBytes: 1000,
  inputs: 'abc',
  sha256: 'aa',
  blocks: { bytes: 1, sha256: 'bb' },
  download: { bytes: 100, sha256: 'cc' },
  epochSeconds: 1_767_225_600,
  kernelArguments: '',
  partitions: [],
  packages: [],
};

test('Imager lists every image but those that are somebody’s', () => {
  const url = (file: string): string => `file:///images/${file}`;
  const { os_list: list } = imagerRepository(
    [manifest, { ...manifest, configured: true }, { ...manifest, board: 'generic-arm64', imagerTags: [] }],
    url,
  );
  expect(list[0]).toEqual({
    name: 'Flotilla for raspberry-pi-4',
    description: 'Raspberry Pi 4 Model B; put its settings beside it as flotilla.txt',
    url: 'file:///images/flotilla-raspberry-pi-4.img.zst',
    release_date: '2026-01-01',
    extract_size: 1000,
    extract_sha256: 'aa',
    image_download_size: 100,
    image_download_sha256: 'cc',
    devices: ['pi4-64bit'],
    init_format: 'none',
  });
  expect(list.map(({ name }) => name)).toEqual(['Flotilla for raspberry-pi-4', 'Flotilla for generic-arm64']);
  expect(list[1]).not.toHaveProperty('devices');
});
