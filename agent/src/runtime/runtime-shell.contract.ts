import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RuntimeHarness } from './runtime.contract.ts';
import type { ContainerSpec, SandboxSpec, SandboxState } from './types.ts';

interface Helpers {
  sandboxSpec(more?: Partial<SandboxSpec>): SandboxSpec;
  container(does: Partial<ContainerSpec>, more?: Partial<ContainerSpec>): ContainerSpec;
  until(what: string, check: () => Promise<boolean>): Promise<void>;
}

/** What a process inside sees, told by busybox' shell. */
export function runtimeShellContract(harness: () => RuntimeHarness, helpers: Helpers): void {
  const { sandboxSpec, container, until } = helpers;
  const sh = (script: string): Partial<ContainerSpec> => ({ command: ['sh', '-c', script] });

  const outputOf = async (sandbox: SandboxState, spec: ContainerSpec): Promise<string> => {
    const runtime = harness().runtime();
    const { id } = await runtime.createContainer(sandbox, spec);
    await until('the container to exit', async () => {
      const all = (await runtime.list()).flatMap((one) => one.containers);
      return all.find((one) => one.id === id)?.status === 'exited';
    });
    const parts: Buffer[] = [];
    for await (const part of runtime.logs(id, {}, new AbortController().signal)) parts.push(part);
    return Buffer.concat(parts).toString();
  };
  const run = async (script: string, more: Partial<ContainerSpec> = {}, sandbox: Partial<SandboxSpec> = {}): Promise<string> =>
    outputOf(await harness().runtime().createSandbox(sandboxSpec(sandbox)), container(sh(script), more));

  describe('inside', () => {
    test('command, arguments, environment and directory are as asked', async () => {
      const args = { command: ['sh', '-c', 'echo "$0|$1|$A|$PWD"'], args: ['zero', 'o ne'] };
      const sandbox = await harness().runtime().createSandbox(sandboxSpec());
      const spec = container({}, { ...args, env: { A: 'a=b "c"' }, workingDir: '/tmp' });
      expect(await outputOf(sandbox, spec)).toBe('zero|o ne|a=b "c"|/tmp\n');
    });

    test('no command means the image’s own', async () => {
      const sandbox = await harness().runtime().createSandbox(sandboxSpec());
      expect(await outputOf(sandbox, container({}, { args: ['echo', 'from the image'] }))).toBe('from the image\n');
    });

    test('both standard output and standard error are in the log', async () => {
      const text = await run('echo out; echo err >&2');
      expect(text.split('\n').sort()).toEqual(['', 'err', 'out']);
    });

    test('a line of 100 kB comes out whole', async () => {
      const text = await run('yes x | head -c 100000 | tr -d "\\n" ; echo; echo end', { env: {} });
      expect(text).toBe(`${'x'.repeat(50_000)}\nend\n`);
    });

    test('hostname, hosts file and name servers are the pod’s', async () => {
      const text = await run(
        'hostname; cat /etc/hosts /etc/resolv.conf',
        {},
        {
          hostname: 'web-0',
          hostAliases: [{ ip: '10.9.8.7', hostnames: ['gate.example', 'gate'] }],
          dns: { servers: ['10.9.8.1'], searches: ['svc.example'], options: ['ndots:5'] },
        },
      );
      expect(text).toMatch(/^web-0\n/);
      expect(text).toMatch(/10\.9\.8\.7\s+gate\.example\s+gate/);
      expect(text).toMatch(/10\.213\.7\.\d+\s.*web-0/);
      expect(text).toMatch(/nameserver 10\.9\.8\.1/);
      expect(text).toMatch(/search svc\.example/);
      expect(text).toMatch(/options ndots:5/);
    });

    test('user, groups and capabilities are as asked', async () => {
      const who = { runAsUser: 1234, runAsGroup: 5678, supplementalGroups: [4242] };
      expect(await run('id -u; id -g; id -G', who)).toMatch(/^1234\n5678\n(?=.*4242)/);
    });

    test('capabilities and new privileges', async () => {
      const status = 'grep -E "CapEff|NoNewPrivs" /proc/self/status';
      const text = await run(status, { capabilitiesDrop: ['ALL'], capabilitiesAdd: ['NET_BIND_SERVICE'], allowPrivilegeEscalation: false });
      expect(text).toMatch(/CapEff:\s+0000000000000400/);
      expect(text).toMatch(/NoNewPrivs:\s+1/);
    });

    test('a read-only root stays as it is, a mount is writable', async () => {
      const dir = await mkdtemp(join(tmpdir(), 'flotilla-test-mount-'));
      try {
        await writeFile(join(dir, 'in'), 'hello\n');
        const mounts = [
          { hostPath: dir, containerPath: '/rw', readOnly: false },
          { hostPath: dir, containerPath: '/ro', readOnly: true },
        ];
        const script = 'cat /rw/in; echo out >/rw/out; (echo x >/ro/x) 2>/dev/null || echo ro; (echo x >/x) 2>/dev/null || echo root';
        expect(await run(script, { mounts, readOnlyRootFilesystem: true })).toBe('hello\nro\nroot\n');
        expect(await readFile(join(dir, 'out'), 'utf8')).toBe('out\n');
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    });

    test('memory and CPU limits are in the cgroup', async () => {
      const script =
        'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max';
      const text = await run(script, { memoryLimitBytes: 64 * 2 ** 20, cpuLimitMillis: 250 });
      expect(text).toMatch(/^67108864\n25000\b/);
    });

    test('kernel settings, shared processes and the host’s own', async () => {
      const sysctls = { 'net.ipv4.ip_local_port_range': '20000 30000' };
      expect(await run('cat /proc/sys/net/ipv4/ip_local_port_range', {}, { sysctls })).toMatch(/^20000\s+30000\n$/);
      const shared = await harness()
        .runtime()
        .createSandbox(sandboxSpec({ uid: 'shared-pid', name: 'shared-pid', sharePid: true }));
      await harness()
        .runtime()
        .createContainer(shared, container(sh('exec sleep 12345'), { name: 'other' }));
      expect(await outputOf(shared, container(sh('ps'), { name: 'looks' }))).toContain('sleep 12345');
      const host = await harness()
        .runtime()
        .createSandbox(sandboxSpec({ uid: 'host-pid', name: 'host-pid', hostPid: true, hostNetwork: true }));
      expect(await outputOf(host, container(sh(`ls -d /proc/${process.pid}; ls /sys/class/net`)))).toMatch(
        new RegExp(`^/proc/${process.pid}\n(.*\n)*lo\n`),
      );
    });

    test('the processes of one container are seen by another that looks at it, and end it with them', async () => {
      const sandbox = await harness().runtime().createSandbox(sandboxSpec());
      const create = (spec: ContainerSpec) => harness().runtime().createContainer(sandbox, spec);
      const target = await create(container(sh('exec sleep 12345'), { name: 'target' }));
      const looks = { name: 'looks', targetContainerId: target.id };
      expect(await outputOf(sandbox, container(sh('ps; ls -d /proc/1/root/bin'), looks))).toMatch(
        /^ *1 .*sleep 12345\n(.*\n)*\/proc\/1\/root\/bin\n$/m,
      );
      const debugger_ = await create(container(sh('exec sleep 12346'), { ...looks, name: 'stays' }));
      // The target can go although somebody looked at it.
      await harness().runtime().stopContainer(target.id, 0);
      await harness().runtime().removeContainer(target.id);
      await until('it has ended too', async () => {
        const all = (await harness().runtime().list()).flatMap((one) => one.containers);
        return all.find(({ id }) => id === debugger_.id)?.status === 'exited';
      });
      await expect(create(container(sh('ps'), { ...looks, name: 'late' }))).rejects.toMatchObject({ reason: 'CreateContainerError' });
    });

    test('containers of a pod share localhost and shared memory', async () => {
      const sandbox = await harness().runtime().createSandbox(sandboxSpec());
      const page = 'mkdir -p /tmp/w; echo shared >/tmp/w/index.html; echo here >/dev/shm/note; exec httpd -f -p 127.0.0.1:8080 -h /tmp/w';
      await harness()
        .runtime()
        .createContainer(sandbox, container(sh(page), { name: 'server' }));
      const ask =
        'for i in 1 2 3 4 5 6 7 8 9; do printf "GET / HTTP/1.0\\r\\n\\r\\n" | nc 127.0.0.1 8080 | tail -n 1 | grep . && break; sleep 1; done; cat /dev/shm/note';
      expect(await outputOf(sandbox, container(sh(ask), { name: 'client' }))).toBe('shared\nhere\n');
    });
  });
}
