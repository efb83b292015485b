import { join } from 'node:path';
import { bundle } from '#build/bundle.ts';
import { type HostArchitecture, type HostDoors, layAgentTree, layNode, unitFolder } from './agent-tree.ts';
import { archive } from './archive.ts';
import { makeDebianPackage } from './debian-package.ts';
import { installScript } from './install-script.ts';

export interface PackageOptions {
  readonly architecture: HostArchitecture;
  readonly version: string;
  readonly out: string;
  /** For work that is thrown away. */
  readonly work: string;
  readonly epochSeconds: number;
}

/** What the hub serves, and what is carried to hosts by hand: the tree of an agent, from the root. @returns its path */
export async function agentBundle(
  doors: HostDoors,
  { architecture, out, work, epochSeconds }: Omit<PackageOptions, 'version'>,
): Promise<string> {
  const dir = join(work, `agent-${architecture}`);
  await layAgentTree(doors, dir, architecture);
  const file = join(out, `${architecture}.tar.gz`);
  await doors.files.mkdir(out);
  await archive(doors.exec, { dir, out: `${file}.new`, epochSeconds });
  await doors.files.rename(`${file}.new`, file);
  return file;
}

/** For hosts that reach no package source: a folder in a .tar.gz with the agent, the script, and Debian packages that are given. @returns its path */
export async function offlineBundle(
  doors: HostDoors,
  { packages, ...options }: PackageOptions & { readonly packages?: string },
): Promise<string> {
  const { architecture, version, out, work, epochSeconds } = options;
  const name = `flotilla-agent-${version}-${architecture}`;
  const dir = join(work, 'offline', name);
  await doors.files.mkdir(dir);
  const agent = await agentBundle(doors, { architecture, out: join(work, 'bundles'), work, epochSeconds });
  await doors.files.rename(agent, join(dir, 'agent.tar.gz'));
  await doors.files.write(join(dir, 'install.sh'), installScript({ pin: '' }), { mode: 0o755 });
  if (packages !== undefined) {
    const { code, stderr } = await doors.exec.run('cp', ['--recursive', '--', packages, join(dir, 'packages')]);
    if (code !== 0) throw new Error(`cp: ${stderr}`);
  }
  const file = join(out, `${name}.tar.gz`);
  await archive(doors.exec, { dir: join(work, 'offline'), out: file, epochSeconds });
  return file;
}

const reload = 'if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi';

/** The agent as a Debian package; it starts once /etc/flotilla/agent.env says which hub is its own. @returns its path */
export async function agentPackage(doors: HostDoors, options: PackageOptions): Promise<string> {
  const { architecture, version, out, work, epochSeconds } = options;
  const dir = join(work, `deb-agent-${architecture}`);
  await layAgentTree(doors, dir, architecture);
  return makeDebianPackage(doors, {
    package: {
      ...{ name: 'flotilla-agent', version, architecture },
      depends: ['podman', 'conmon', 'crun | runc', 'netavark', 'aardvark-dns', 'catatonit', 'iptables'],
      summary: 'agent of Flotilla, Kubernetes for fleets of small boards',
      description: ['Runs the pods that its hub gives this machine, with podman,', 'over one outgoing connection.'],
      scripts: {
        postinst: unitUp('flotilla-agent.service'),
        prerm: `if [ "$1" = remove ]; then\n  ${unitDown('flotilla-agent.service')}\n  sh /usr/lib/flotilla/install.sh --remove-pods || true\nfi`,
        postrm: `${reload}\nif [ "$1" = purge ]; then rm -rf /var/lib/flotilla-agent /etc/flotilla /run/flotilla; fi`,
      },
    },
    ...{ dir, work: join(work, 'deb-agent-work'), out, epochSeconds },
  });
}

/** The hub as a Debian package, with the agents that it serves. @returns its path */
export async function hubPackage(
  doors: HostDoors,
  { agents, ...options }: PackageOptions & { readonly agents: readonly HostArchitecture[] },
): Promise<string> {
  const { architecture, version, out, work, epochSeconds } = options;
  const { exec, files, nodeFor } = doors;
  const dir = join(work, `deb-hub-${architecture}`);
  const home = join(dir, 'usr/lib/flotilla-hub');
  await files.mkdir(home);
  await bundle(files, 'hub', join(home, 'hub'));
  await layNode({ exec, files }, await nodeFor(architecture), join(home, 'bin'));
  for (const one of agents) await agentBundle(doors, { architecture: one, out: join(home, 'hub/agents'), work, epochSeconds });
  const command =
    '/usr/lib/flotilla-hub/bin/node --disable-warning=ExperimentalWarning --max-semi-space-size=8 /usr/lib/flotilla-hub/hub/cmd/flotilla.js';
  await files.mkdir(join(dir, 'usr/bin'));
  await files.write(join(dir, 'usr/bin/flotilla'), `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
  await files.mkdir(join(dir, unitFolder));
  await files.write(join(dir, unitFolder, 'flotilla-hub.service'), hubUnit(command));
  return makeDebianPackage(doors, {
    package: {
      ...{ name: 'flotilla-hub', version, architecture },
      depends: ['adduser', 'libc6 (>= 2.28)', 'libstdc++6'],
      summary: 'hub of Flotilla, Kubernetes for fleets of small boards',
      description: ['Serves the Kubernetes API and the connections of the boards.', 'Its state is in /var/lib/flotilla-hub.'],
      scripts: {
        postinst: `if ! getent passwd flotilla >/dev/null; then\n  adduser --system --group --quiet --home /var/lib/flotilla-hub --no-create-home flotilla\nfi\n${unitUp('flotilla-hub.service')}`,
        prerm: `if [ "$1" = remove ]; then\n  ${unitDown('flotilla-hub.service')}\nfi`,
        // The keys of the fleet: they are its only copy.
        postrm: `${reload}\nif [ "$1" = purge ]; then echo 'the hub'"'"'s state, with the keys of the fleet, stays in /var/lib/flotilla-hub' >&2; fi`,
      },
    },
    ...{ dir, work: join(work, 'deb-hub-work'), out, epochSeconds },
  });
}

function hubUnit(command: string): string {
  return [
    '[Unit]',
    'Description=The hub of Flotilla',
    'After=network-online.target',
    'Wants=network-online.target',
    '[Service]',
    'User=flotilla',
    'StateDirectory=flotilla-hub',
    'StateDirectoryMode=0700',
    'Environment=FLOTILLA_HUB_FLAGS=',
    'EnvironmentFile=-/etc/default/flotilla-hub',
    `ExecStart=${command} hub --data-dir /var/lib/flotilla-hub $FLOTILLA_HUB_FLAGS`,
    'Restart=always',
    'RestartSec=2',
    'LimitNOFILE=65536',
    'NoNewPrivileges=yes',
    'ProtectSystem=strict',
    'ProtectHome=yes',
    'PrivateTmp=yes',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}

/** As packages of Debian do it: where systemd does not run, and in a chroot, nothing is started. */
function unitUp(unit: string): string {
  return `if [ "$1" = configure ] && [ -d /run/systemd/system ]; then\n  systemctl daemon-reload\n  systemctl enable ${unit}\n  systemctl restart ${unit}\nfi`;
}

function unitDown(unit: string): string {
  return `if [ -d /run/systemd/system ]; then systemctl disable --now ${unit} || true; fi`;
}
