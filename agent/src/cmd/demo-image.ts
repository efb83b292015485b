import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Exec } from '@flotilla/shared/platform/exec.js';

export interface DemoImageOptions {
  readonly exec: Exec;
  /** `localhost/flotilla-demo:1` and `:2` differ in the page they show. */
  readonly tag: '1' | '2';
  /** podman's global flags, e.g. `--root`. */
  readonly podmanFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const applets = [
  ...[
    'sh',
    'echo',
    'cat',
    'printf',
    'sleep',
    'env',
    'hostname',
    'date',
    'id',
    'ls',
    'mkdir',
    'rm',
    'touch',
    'ps',
    'kill',
    'true',
    'false',
    'test',
  ],
  ...[
    'grep',
    'head',
    'tail',
    'tr',
    'wc',
    'sort',
    'sed',
    'yes',
    'dd',
    'nc',
    'httpd',
    'ip',
    'stat',
    'stty',
    'tar',
    'md5sum',
    'cp',
    'mv',
    'ln',
    'wget',
    'find',
    'mount',
    'df',
    'free',
    'uname',
    'vi',
  ],
];

/** Serves `/`, `/env` and the files of `/www` on port 8080 (or PORT), and ends at once when told to. */
const entrypoint = `#!/bin/sh
trap 'kill $server 2>/dev/null; echo "flotilla-demo: stopping"; exit 0' TERM INT
mkdir -p /www 2>/dev/null
root=/www
[ -w /www ] || { root=/tmp/www; mkdir -p $root; }
{
  echo "<!doctype html><title>Flotilla demo $FLOTILLA_DEMO_VERSION</title><h1>Hello from $(hostname)</h1>"
  echo "<p>flotilla-demo version $FLOTILLA_DEMO_VERSION</p><pre>"
  env | sort | sed 's/&/\\&amp;/g; s/</\\&lt;/g'
  echo "</pre>"
} >$root/index.html
env | sort >$root/env
httpd -f -p "\${PORT:-8080}" -h $root &
server=$!
echo "flotilla-demo version $FLOTILLA_DEMO_VERSION on $(hostname), port \${PORT:-8080}"
wait $server
`;

/**
 * Makes the demo image out of the static busybox of this machine, with no registry: `localhost/flotilla-demo:TAG`. Quick when it is
 * there. Returns its name.
 * @throws Error that says what is missing
 */
export async function demoImage(options: DemoImageOptions): Promise<string> {
  const { exec, tag, podmanFlags = [], env = process.env } = options;
  const name = `localhost/flotilla-demo:${tag}`;
  const podman = (args: readonly string[], input?: Buffer): ReturnType<Exec['run']> =>
    exec.run('podman', [...podmanFlags, ...args], { env, ...(input ? { input } : {}), timeoutMs: 120_000 });
  const stamp = createHash('sha256')
    .update(entrypoint + applets.join())
    .digest('hex')
    .slice(0, 12);
  const there = await podman(['image', 'inspect', '--format', '{{.Labels.stamp}}', name]);
  if (there.code === 0 && there.stdout.toString().trim() === stamp) return name;

  const root = await mkdtemp(join(tmpdir(), 'flotilla-demo-image-'));
  try {
    // It becomes the root folder of the image, which every user of a container has to pass.
    await chmod(root, 0o755);
    for (const folder of ['bin', 'tmp', 'etc', 'www', 'proc', 'sys', 'dev']) await mkdir(join(root, folder));
    await copyFile(await staticBusybox(exec), join(root, 'bin/busybox'));
    for (const applet of applets) await symlink('busybox', join(root, 'bin', applet));
    await writeFile(join(root, 'bin/demo'), entrypoint, { mode: 0o755 });
    await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n');
    await writeFile(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
    const archive = await exec.run('tar', ['--owner=0', '--group=0', '--numeric-owner', '-C', root, '-c', '.'], {
      maxOutputBytes: 64 << 20,
    });
    if (archive.code !== 0) throw new Error(`tar failed: ${archive.stderr}`);
    const changes = [`ENV FLOTILLA_DEMO_VERSION=${tag}`, 'CMD ["/bin/demo"]', 'EXPOSE 8080', `LABEL stamp=${stamp}`];
    const imported = await podman(['import', ...changes.flatMap((change) => ['--change', change]), '-', name], archive.stdout);
    if (imported.code !== 0) throw new Error(`podman import failed: ${imported.stderr.trim()}`);
    return name;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function staticBusybox(exec: Exec): Promise<string> {
  for (const path of ['/bin/busybox', '/usr/bin/busybox']) {
    // The static one needs no dynamic loader, so that the image needs no libraries.
    const ldd = await exec.run('ldd', [path]).catch(() => undefined);
    if (ldd && ldd.code !== 0 && /not a dynamic executable|statically/.test(ldd.stderr + ldd.stdout.toString())) return path;
    if (ldd?.code === 0 && /statically linked/.test(ldd.stdout.toString())) return path;
  }
  throw new Error('the demo image is made of a static busybox: install the package busybox-static (apt install busybox-static)');
}
