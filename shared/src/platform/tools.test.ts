import { describe, expect, it } from 'vitest';
import { ensureTools, type ToolDoors } from './tools.ts';

/** A machine with these commands; `apt-get install` brings what `brings` says. */
function machine(commands: string[], options: { isRoot: boolean; brings?: string[]; sudoAsks?: boolean }) {
  const there = new Set(commands);
  const ran: string[] = [];
  const doors: ToolDoors = {
    isRoot: options.isRoot,
    present: (command) => there.has(command),
    run: (command, args) => {
      ran.push([command, ...args].join(' '));
      if (command === 'sudo' && args.includes('true')) return options.sudoAsks ? 1 : 0;
      if (args.includes('install')) for (const brought of options.brings ?? []) there.add(brought);
      return 0;
    },
  };
  return { doors, ran };
}

describe('ensureTools', () => {
  it('runs nothing when all is there', () => {
    const { doors, ran } = machine(['etcd'], { isRoot: true });
    ensureTools(['etcd'], doors);
    expect(ran).toEqual([]);
  });

  it('installs through apt as root', () => {
    const { doors, ran } = machine(['apt-get'], { isRoot: true, brings: ['etcd'] });
    ensureTools(['etcd'], doors);
    expect(ran).toEqual(['apt-get update -qq', 'apt-get install -y -qq --no-install-recommends etcd-server']);
  });

  it('uses a sudo that asks nothing', () => {
    const { doors, ran } = machine(['apt-get', 'sudo'], { isRoot: false, brings: ['etcd'] });
    ensureTools(['etcd'], doors);
    expect(ran.at(-1)).toBe('sudo -n apt-get install -y -qq --no-install-recommends etcd-server');
  });

  it('asks for what podman needs without root of an ordinary user only', () => {
    const podman = ['podman', 'conmon', 'netavark', 'aardvark-dns', 'catatonit', 'runc', 'iptables'];
    ensureTools(['podman'], machine(podman, { isRoot: true }).doors);
    ensureTools(['podman'], machine([...podman, 'newuidmap', 'newgidmap', 'pasta'], { isRoot: false }).doors);
    expect(() => ensureTools(['podman'], machine([...podman, 'newgidmap'], { isRoot: false }).doors)).toThrow(
      'missing on this machine: newuidmap, slirp4netns or pasta (lets podman run without root; on Debian: apt-get install uidmap slirp4netns passt)',
    );
  });

  it.each([
    ['no apt', machine([], { isRoot: true })],
    ['a sudo that asks', machine(['apt-get', 'sudo'], { isRoot: false, sudoAsks: true })],
    ['an apt that brings nothing', machine(['apt-get'], { isRoot: true })],
  ])('names what to install with %s', (_, { doors }) => {
    expect(() => ensureTools(['kubectl', 'etcd'], doors)).toThrow(
      'missing on this machine: kubectl (drives the API in tests; on Debian: apt-get install kubernetes-client); ' +
        'etcd (the store is tested against it; on Debian: apt-get install etcd-server)',
    );
  });
});
