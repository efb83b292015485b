import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installScript } from '@flotilla/firmware-images/host/install-script.js';
import { agentPackage, offlineBundle } from '@flotilla/firmware-images/host/packages.js';
import { installLine } from '@flotilla/hub/cmd/install-command.js';
import { runHub } from '@flotilla/hub/cmd/run-hub.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';
import { ensureTools } from '@flotilla/shared/platform/tools.js';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** The installer and the packages on a file system of their own, with everything real but systemd, podman and Node's 120 MB. */

const dir = mkdtempSync(join(tmpdir(), 'flotilla-install-'));
const token = `f1.0123456789.${'t'.repeat(32)}.${'a'.repeat(64)}`;
const epochSeconds = 1_767_225_600;
const doors = { exec: new SystemExec(), files: new SystemFiles(), nodeFor: () => Promise.resolve(join(dir, 'node')) };
/** Root of one's own, where this is not run by root. */
const asRoot = process.getuid?.() === 0 ? [] : ['unshare', '--map-root-user', '--'];
let busybox = '';

beforeAll(() => {
  ensureTools(['busybox', 'curl']);
  busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  writeFileSync(join(dir, 'node'), '#!/bin/sh\necho v24.0.0\n', { mode: 0o755 });
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** A host of its own: busybox, and stubs that say what they were asked. */
function makeHost(name: string, { systemd = true, podman = true } = {}) {
  const root = join(dir, name);
  for (const folder of ['bin', 'usr/bin', 'tmp', 'etc', 'dev', 'var/lib/dpkg/info', 'var/lib/dpkg/updates', 'run'])
    mkdirSync(join(root, folder), { recursive: true });
  if (systemd) mkdirSync(join(root, 'run/systemd/system'), { recursive: true });
  cpSync(busybox, join(root, 'bin/busybox'));
  writeFileSync(join(root, 'var/lib/dpkg/status'), '');
  writeFileSync(join(root, 'dev/null'), '');
  const run = (...command: string[]) => {
    const [program = '', ...args] = [...asRoot, 'chroot', root, ...command];
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env: { PATH: '/bin:/usr/bin:/usr/sbin:/sbin' } });
    return { status, said: stdout + stderr };
  };
  const installed = run('/bin/busybox', '--install', '-s', '/bin');
  if (installed.status !== 0) throw new Error(`no root of one's own can be had here: ${installed.said}`);
  const log = join(root, 'asked');
  writeFileSync(log, '');
  const stub = (program: string, body: string): void => {
    const path = join(root, 'bin', program);
    // Programs of busybox are links to /bin/busybox: seen from here that is this machine's own, which must not be written through.
    rmSync(path, { force: true });
    writeFileSync(path, `#!/bin/sh\necho "${program} $*" >>/asked\n${body}\n`, { mode: 0o755, flag: 'wx' });
  };
  stub(
    'systemctl',
    'case "$1" in restart) mkdir -p /var/lib/flotilla-agent/identity; : >/var/lib/flotilla-agent/identity/enrolment.json ;; esac',
  );
  if (podman)
    stub('podman', 'case "$1 $2" in "pod ps") echo pod1 ;; "ps --all") echo c1 ;; "network ls") echo podman; echo flotilla-1 ;; esac');
  const left = (): string[] =>
    (readdirSync(root, { recursive: true }) as string[])
      .filter((path) => path.includes('flotilla') && !path.startsWith('flotilla-agent-'))
      .sort();
  return { root, run, stub, left, asked: (): string[] => readFileSync(log, 'utf8').split('\n').filter(Boolean) };
}

test('a script that was cut off anywhere runs nothing', async () => {
  const script = installScript({ pin: `sha256//${'A'.repeat(43)}=` });
  writeFileSync(join(dir, 'whole.sh'), script);
  for (const shell of [['sh'], ['busybox', 'sh']]) execFileSync('env', [...shell, '-n', join(dir, 'whole.sh')]);
  // The shell itself cuts a character off, again and again, and runs the rest. What is no whole script has the status 2 of a syntax
  // error, or 0 before the brace opens; what ran has another one, or ends this shell before it has counted to the end.
  writeFileSync(
    join(dir, 'cut.sh'),
    `text=$(cat "$1"; printf x); text=\${text%?x}; brace=$2; cuts=0
exec 3>&1 >/dev/null 2>&1
while [ -n "$text" ]; do
  text=\${text%?}
  command eval "$text"
  status=$?
  if [ "$status" = 0 ] && [ "\${#text}" -le "$brace" ]; then status=2; fi
  [ "$status" = 2 ] || echo "ran at \${#text}" >&3
  cuts=$((cuts + 1))
done
echo "cuts $cuts" >&3
`,
  );
  const cut = async (name: string, text: string): Promise<string> => {
    writeFileSync(join(dir, name), text);
    const brace = text.indexOf('\n{') + 1;
    return (await promisify(execFile)('sh', [join(dir, 'cut.sh'), join(dir, name), String(brace)])).stdout;
  };
  expect(await cut('whole.sh', script)).toBe(`cuts ${script.length - 1}\n`);
  // One that is not between braces is found out.
  const [head = '', rest = ''] = script.split('\n{\n');
  expect(await cut('bare.sh', `${head}\n${rest.slice(0, 300)}`).catch(() => 'it ended the shell')).not.toMatch(/^cuts/);
});

test('a host gets the agent, keeps it over an update, and is as before when it goes', async () => {
  const { root, run, left, asked } = makeHost('host');
  // All in one file, as it is carried to hosts that reach no package source.
  const packages = join(dir, 'packages');
  mkdirSync(packages);
  writeFileSync(join(packages, 'podman.deb'), 'a package');
  const options = { architecture: 'amd64' as const, version: '0.1.0', out: dir, work: join(dir, 'work-1'), epochSeconds, packages };
  execFileSync('tar', ['-xzf', await offlineBundle(doors, options), '-C', root]);
  const carried = '/flotilla-agent-0.1.0-amd64';
  expect(readdirSync(root + carried).sort()).toEqual(['agent.tar.gz', 'install.sh', 'packages']);
  const bundle = join(root, carried, 'agent.tar.gz');
  const given = ['--hub', 'https://hub:6443/', '--token', token, '--from', `${carried}/agent.tar.gz`, '--node-name', 'shed'];
  const install = (...more: string[]) => run('/bin/sh', `${carried}/install.sh`, ...given, ...more);
  for (const [more, words] of [
    [['--node-labels', 'a=$(reboot)'], 'holds a character'],
    [['--hub', 'http://hub'], 'is named as https'],
    [['--colour'], 'install.sh --hub URL'],
  ] as const) {
    const refused = install(...more);
    expect([refused.status === 0, refused.said]).toEqual([false, expect.stringContaining(words)]);
  }
  expect(left()).toEqual([]);
  expect(install('--node-labels', 'place=shed')).toEqual({ status: 0, said: expect.stringContaining('this host has joined') });
  expect(readFileSync(join(root, 'etc/flotilla/agent.env'), 'utf8')).toBe(
    'FLOTILLA_AGENT_FLAGS=--hub https://hub:6443 --token-file /etc/flotilla/join-token --node-name shed --node-labels place=shed\n',
  );
  // The token did its work.
  expect(existsSync(join(root, 'etc/flotilla/join-token'))).toBe(false);
  expect(asked().slice(-4)).toEqual(
    ['stop', 'daemon-reload', 'enable', 'restart'].map((verb) => expect.stringContaining(`systemctl ${verb}`)),
  );
  expect(run('/usr/bin/flotilla-agent', '--help').said).toBe('v24.0.0\n');
  expect(install().status).toBe(0);
  writeFileSync(bundle, readFileSync(bundle).subarray(0, 10_000));
  expect(install()).toEqual({ status: 1, said: expect.stringContaining('the bundle is damaged') });
  expect(run('/usr/bin/flotilla-agent').said).toBe('v24.0.0\n');
  expect(run('/bin/sh', '/usr/lib/flotilla/install.sh', '--uninstall').status).toBe(0);
  expect(left()).toEqual([]);
  expect(asked()).toEqual(
    expect.arrayContaining(['podman pod rm --force pod1', 'podman rm --force c1', 'podman network rm --force flotilla-1']),
  );
  expect(asked().filter((line) => line.startsWith('podman network rm'))).toHaveLength(1);
});

test('what a host lacks is said before anything is changed', () => {
  const install = (host: ReturnType<typeof makeHost>) => {
    writeFileSync(join(host.root, 'bundle.sh'), installScript({ pin: '' }));
    return host.run('/bin/sh', '/bundle.sh', '--hub', 'https://hub:6443', '--token', token);
  };
  const [old, bare, unknown] = [makeHost('no-systemd', { systemd: false }), makeHost('no-podman', { podman: false }), makeHost('no-pin')];
  expect(install(old)).toEqual({ status: 1, said: expect.stringContaining('does not run systemd') });
  expect(install(bare)).toEqual({ status: 1, said: expect.stringContaining('podman is missing') });
  expect(install(unknown)).toEqual({ status: 1, said: expect.stringContaining('the key of the hub is not known') });
  expect([...old.left(), ...bare.left(), ...unknown.left()]).toEqual([]);
});

test('podman comes from the packages that were carried, whole and of this release, and nothing is made older', () => {
  const host = makeHost('offline', { podman: false });
  const carried = join(host.root, 'carried');
  mkdirSync(join(carried, 'packages'), { recursive: true });
  writeFileSync(join(carried, 'install.sh'), installScript({ pin: '' }));
  writeFileSync(join(carried, 'packages/podman.deb'), 'a package');
  host.stub('dpkg', 'printf "#!/bin/sh\\n" >/bin/podman; chmod 755 /bin/podman');
  const machine = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const sum = createHash('sha256').update('a package').digest('hex');
  const install = (release: string, checksum: string): { readonly status: number | null; readonly said: string } => {
    writeFileSync(join(carried, 'packages/SHA256SUMS'), `${checksum}  podman.deb\n`);
    writeFileSync(join(carried, 'packages/release'), `${release} ${machine}\n`);
    return host.run('/bin/sh', '/carried/install.sh', '--hub', 'https://hub:6443', '--token', token, '--from', '/carried/agent.tar.gz');
  };
  writeFileSync(join(host.root, 'etc/os-release'), 'VERSION_CODENAME=bookworm\n');
  expect(install('bookworm', createHash('sha256').update('another').digest('hex')).said).toContain('beside this script are damaged');
  expect(install('trixie', sum).said).toContain(`are for trixie ${machine}, and this host is bookworm ${machine}`);
  expect(host.asked()).toEqual([]);
  // There is no agent to install here.
  expect(install('bookworm', sum).said).toContain('agent.tar.gz');
  expect(host.asked()).toEqual(['dpkg --refuse-downgrade --skip-same-version --install /carried/packages/podman.deb']);
});

test('the hub prints a line whose key curl insists on, and gives the agent only to who has a token', async () => {
  const listen = { host: '127.0.0.1', port: 0 };
  const running = await runHub({ dataDir: join(dir, 'hub'), listen, mqttListen: undefined, store: 'memory', logLevel: 'error' });
  try {
    const { installCommand } = await import('@flotilla/hub/cmd/install-command.js');
    const hub = `https://127.0.0.1:${running.hub.apiPort}`;
    const lines: string[] = [];
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = (text) => lines.push(String(text)) > 0;
    try {
      await installCommand({ hub, ttl: '1h', uses: '1', node: 'shed', kubeconfig: running.kubeconfig });
    } finally {
      process.stdout.write = write;
    }
    const [, pin = '', own = ''] = /'(sha256\/\/[^']+)'.*--token (\S+)/.exec(lines[0] ?? '') ?? [];
    expect(lines[0]).toBe(`${installLine({ hub, pin, token: own, node: 'shed' })}\n`);
    const curl = (key: string, path: string, ...more: string[]) =>
      promisify(execFile)('curl', ['-fsSk', '--pinnedpubkey', key, ...more, hub + path]).then(
        ({ stdout }) => stdout,
        ({ code }: { readonly code: number }) => code,
      );
    expect(await curl(pin, '/flotilla/v1/install.sh')).toBe(installScript({ pin }));
    // CURLE_SSL_PINNEDPUBKEYNOTMATCH
    expect(await curl(`sha256//${'A'.repeat(43)}=`, '/flotilla/v1/install.sh')).toBe(90);
    expect(await curl(pin, '/flotilla/v1/agent/amd64.tar.gz')).toBe(22);
    expect(await curl(pin, '/flotilla/v1/agent/amd64.tar.gz', '-H', `Authorization: Bearer ${token}`)).toBe(22);
    expect(await curl(pin, '/flotilla/v1/agent/s390x.tar.gz', '-H', `Authorization: Bearer ${own}`)).toBe(22);
  } finally {
    await running.hub.stop();
  }
});

test('a Debian package is the same every time, and dpkg puts it in and takes it out', async () => {
  const out = (number: number) => ({ architecture: 'amd64' as const, version: '0.1.0', out: join(dir, `deb-${number}`), epochSeconds });
  for (const number of [1, 2]) mkdirSync(join(dir, `deb-${number}`));
  const deb = await agentPackage(doors, { ...out(1), work: join(dir, 'work-3') });
  expect(hashOf(await agentPackage(doors, { ...out(2), work: join(dir, 'work-4') }))).toBe(hashOf(deb));
  const { root, left, run } = makeHost('debian', { systemd: false });
  const dpkg = (...args: string[]): void => {
    const flags = ['--force-depends', '--force-not-root', '--force-architecture', '--force-bad-path', `--root=${root}`, '--log=/dev/null'];
    const [program = '', ...rest] = [...asRoot, 'dpkg', ...flags, ...args];
    const { status, stderr } = spawnSync(program, rest, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  };
  dpkg('--install', deb);
  expect(left()).toEqual(expect.arrayContaining(['usr/bin/flotilla-agent', 'usr/lib/systemd/system/flotilla-agent.service']));
  expect(run('/usr/bin/flotilla-agent').said).toBe('v24.0.0\n');
  dpkg('--install', deb);
  mkdirSync(join(root, 'var/lib/flotilla-agent'), { recursive: true });
  dpkg('--remove', 'flotilla-agent');
  expect(left().filter((path) => !path.startsWith('var/lib/dpkg'))).toEqual(['var/lib/flotilla-agent']);
  dpkg('--purge', 'flotilla-agent');
  expect(left()).toEqual([]);
});

function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
