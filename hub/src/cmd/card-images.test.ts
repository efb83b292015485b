import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@flotilla/shared/log/logger.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { imageRoutes } from '#nodesync/enrol/image-routes.ts';
import { cardImages } from './card-images.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'flotilla-images-'));
  const manifest = { board: 'b', description: 'a board', imagerTags: [], sizeBytes: 10, sha256: 'aa', epochSeconds: 1_767_225_600 };
  const add = async (name: string, more: object): Promise<void> => {
    await writeFile(join(dir, name), 'image');
    await writeFile(
      join(dir, `${name}.manifest.json`),
      JSON.stringify({ ...manifest, file: name, download: { bytes: 5, sha256: 'cc' }, ...more }),
    );
  };
  await add('good.img.zst', {});
  await add('configured.img', { configured: true });
  await add('half.img.zst', { download: { bytes: 6, sha256: 'cc' } });
  await writeFile(join(dir, 'secret.txt'), 'secret');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function get(path: string, method = 'GET'): Promise<{ code: number; body: string }> {
  const serve = imageRoutes(cardImages(dir), silentLogger);
  let answer = { code: 0, body: '' };
  await serve({
    method,
    url: `/flotilla/v1/images/${path}`,
    header: (name) => (name === 'host' ? 'hub.example:6443' : undefined),
    setHeader: () => {},
    reply: (code, _type, body) => {
      answer = { code, body };
    },
    stream: (code) => {
      answer = { code, body: '' };
      const write = (data: Buffer): void => {
        answer.body += String(data);
      };
      return { write, drained: async () => {}, end: () => {}, destroy: () => {} };
    },
  });
  return answer;
}

test('the repository of Raspberry Pi Imager names what can be had, where it was asked for', async () => {
  const { code, body } = await get('rpi-imager.json');
  expect(code).toBe(200);
  const { os_list: list } = JSON.parse(body) as { os_list: { url: string }[] };
  expect(list.map(({ url }) => url)).toEqual(['https://hub.example:6443/flotilla/v1/images/good.img.zst']);
});

test.for([
  ['good.img.zst', 200, 'image'],
  ['configured.img', 404, 'not found'],
  ['half.img.zst', 404, 'not found'],
  ['secret.txt', 404, 'not found'],
  ['..%2fhub.db', 404, 'not found'],
  ['good.img.zst.manifest.json', 404, 'not found'],
] as const)('%s: %s', async ([path, code, words]) => {
  const answer = await get(path);
  expect(answer.code).toBe(code);
  expect(answer.body).toContain(words);
});

test('nobody writes there', async () => {
  expect((await get('good.img.zst', 'PUT')).code).toBe(405);
});
