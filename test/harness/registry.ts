import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** How the registry treats what comes next. */
export type RegistryMood = 'well' | 'error 503' | 'layer breaks off' | 'layer is corrupt' | 'wants a password';

export interface TestRegistry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  mood: RegistryMood;
  /** Requests so far. */
  readonly requests: string[];
  /** Text for CONTAINERS_REGISTRIES_CONF: plain HTTP for this one. */
  readonly registriesConf: string;
  close(): Promise<void>;
}

export const registryUser = { username: 'pupil', password: 'let me in' } as const;

export interface TestImage {
  /** The one layer. */
  readonly tar: Buffer;
  readonly architecture: 'amd64' | 'arm64';
  /** What runs in it: fields as the OCI image configuration has them. */
  readonly config: object;
}

/** A registry on loopback with one image, `app:1`, of one layer (a small one when left out), which can be in a bad mood. */
export async function testRegistry(image: Partial<TestImage> = {}): Promise<TestRegistry> {
  const { tar = tarOf('hello.txt', 'hello\n'.repeat(20_000)), architecture = process.arch === 'arm64' ? 'arm64' : 'amd64' } = image;
  const layer = gzipSync(tar);
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      config: image.config ?? { Cmd: ['/hello'], User: '1000:1000' },
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digestOf(layer), size: layer.length }],
    }),
  );
  const blobs = new Map([config, layer].map((blob) => [digestOf(blob), blob]));
  const requests: string[] = [];
  const server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  const registry: TestRegistry = {
    host,
    mood: 'well',
    requests,
    registriesConf: `unqualified-search-registries = []\n[[registry]]\nlocation = "${host}"\ninsecure = true\n`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    requests.push(`${request.method} ${path}`);
    if (registry.mood === 'error 503') return void response.writeHead(503).end();
    const wanted = `Basic ${Buffer.from(`${registryUser.username}:${registryUser.password}`).toString('base64')}`;
    if (registry.mood === 'wants a password' && request.headers.authorization !== wanted) {
      return void response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="test"' }).end();
    }
    if (path === '/v2/') return void response.writeHead(200).end();
    if (path === '/v2/app/manifests/1') {
      const type = 'application/vnd.oci.image.manifest.v1+json';
      response.writeHead(200, { 'Content-Type': type, 'Content-Length': manifest.length, 'Docker-Content-Digest': digestOf(manifest) });
      return void response.end(request.method === 'HEAD' ? undefined : manifest);
    }
    const blob = blobs.get(/^\/v2\/app\/blobs\/(.+)$/.exec(path)?.[1] ?? '');
    if (!blob) {
      const error = { errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] };
      return void response.writeHead(404, { 'Content-Type': 'application/json' }).end(JSON.stringify(error));
    }
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': blob.length });
    if (blob === layer && registry.mood === 'layer breaks off') return void response.write(blob.subarray(0, 100), () => response.destroy());
    if (blob === layer && registry.mood === 'layer is corrupt')
      return void response.end(Buffer.from(blob.map((byte, n) => (n > 50 ? byte ^ 1 : byte))));
    response.end(blob);
  }
  return registry;
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A tar archive (ustar) of one file. */
function tarOf(name: string, text: string): Buffer {
  const body = Buffer.from(text);
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\0' + '00', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (body.length % 512)) % 512);
  return Buffer.concat([header, body, padding, Buffer.alloc(1024)]);
}
