import type { SandboxSpec } from '../types.ts';
import { podName, type SandboxPlace, sandboxLabels } from './pod-names.ts';

/** What `POST /libpod/pods/create` takes (podman's PodSpecGenerator). */
export function sandboxBody(spec: SandboxSpec, place: SandboxPlace): Record<string, unknown> {
  const shared = [
    'uts',
    ...(spec.hostNetwork ? [] : ['net']),
    ...(spec.hostIpc ? [] : ['ipc']),
    ...(spec.sharePid && !spec.hostPid ? ['pid'] : []),
  ];
  const body: Record<string, unknown> = {
    name: podName(spec),
    hostname: spec.hostname,
    labels: sandboxLabels(spec, place),
    // The host's network is joined like a pod's own: through the infra container.
    shared_namespaces: spec.hostNetwork ? ['net', ...shared] : shared,
    // The pod stays when its last container ends: restarting is our business.
    exit_policy: 'continue',
    restart_policy: 'no',
    netns: { nsmode: spec.hostNetwork ? 'host' : 'bridge' },
    // The hosts file is ours (hosts-file.ts).
    no_manage_hosts: true,
  };
  if (!spec.hostNetwork) {
    body['Networks'] = { [place.network ?? 'podman']: { static_ips: [place.ip], interface_name: 'eth0' } };
    const ports = spec.ports.filter((port) => port.hostPort > 0);
    if (ports.length > 0) {
      body['portmappings'] = ports.map((port) => ({
        container_port: port.containerPort,
        host_port: port.hostPort,
        protocol: port.protocol.toLowerCase(),
        host_ip: port.hostIP ?? '',
      }));
    }
  }
  if (spec.dns) {
    body['dns_server'] = spec.dns.servers;
    body['dns_search'] = spec.dns.searches;
    body['dns_option'] = spec.dns.options;
  }
  if (Object.keys(spec.sysctls).length > 0) body['sysctl'] = spec.sysctls;
  return body;
}

/** The hosts file as the kubelet writes it; without an address of its own a pod gets the host's. */
export function hostsFile(spec: SandboxSpec, ip: string | undefined, hostFile: string): string {
  const aliases = spec.hostAliases.map((alias) => `${alias.ip}\t${alias.hostnames.join('\t')}`);
  const lines =
    ip === undefined
      ? ['# Kubernetes-managed hosts file (host network).', hostFile.trimEnd()]
      : [
          '# Kubernetes-managed hosts file.',
          '127.0.0.1\tlocalhost',
          '::1\tlocalhost ip6-localhost ip6-loopback',
          'fe00::0\tip6-localnet',
          'fe00::0\tip6-mcastprefix',
          'fe00::1\tip6-allnodes',
          'fe00::2\tip6-allrouters',
          `${ip}\t${spec.hostname}`,
        ];
  if (aliases.length > 0) lines.push('', '# Entries added by HostAliases.', ...aliases);
  return `${lines.join('\n')}\n`;
}
