import { keepStdin } from './container-body.ts';
import type { HostFacts } from './host-facts.ts';

// What podman asks for when nobody tells it otherwise (containers.conf(5), default_ulimits of the root user).
const podmanOpenFiles = 1_048_576;
const podmanProcesses = 4_194_304;
// podman lowers its own limit of processes to this, and without CAP_SYS_RESOURCE nobody gets it up again.
const podmanOwnProcesses = 32_768;

/** The OCI runtime that works on this host. crun refuses to start anything where cgroups v1 and v2 are mixed. */
export function pickOciRuntime(facts: HostFacts): 'crun' | 'runc' | undefined {
  const { crun, runc } = facts.found;
  if (crun !== undefined && facts.cgroups !== 'hybrid') return 'crun';
  return runc === undefined ? undefined : 'runc';
}

/** The text of our own containers.conf; podman reads no other when CONTAINERS_CONF names this one. */
export function containersConf(facts: HostFacts, conmonPath: string | undefined): string {
  const ulimits: string[] = [];
  if (facts.hardOpenFiles !== undefined && facts.hardOpenFiles < podmanOpenFiles)
    ulimits.push(`nofile=${facts.hardOpenFiles}:${facts.hardOpenFiles}`);
  if (facts.hardProcesses !== undefined && facts.hardProcesses < podmanProcesses) {
    const processes = Math.min(facts.hardProcesses, podmanOwnProcesses);
    ulimits.push(`nproc=${processes}:${processes}`);
  }
  const runtime = pickOciRuntime(facts);
  return [
    '# Written by the Flotilla agent at every start.',
    '[containers]',
    'log_driver = "k8s-file"',
    '# Proxy settings are the pods’ own business.',
    'http_proxy = false',
    ...(ulimits.length > 0 ? [`default_ulimits = [${ulimits.map((one) => JSON.stringify(one)).join(', ')}]`] : []),
    '[engine]',
    '# In memory below /run, never on flash.',
    'events_logger = "file"',
    ...(facts.systemd ? [] : ['cgroup_manager = "cgroupfs"']),
    ...(runtime === undefined ? [] : [`runtime = ${JSON.stringify(runtime)}`]),
    ...(conmonPath === undefined ? [] : [`conmon_path = [${JSON.stringify(conmonPath)}]`]),
    '[network]',
    'network_backend = "netavark"',
    '',
  ].join('\n');
}

/**
 * conmon notes that the kernel killed a process for want of memory in a file `oom` in its working directory, and podman looks for
 * it in the container's bundle. Podman 4 starts conmon elsewhere (in the API service's directory), so that the note is lost. This
 * starts it where it is looked for.
 */
export function conmonWrapper(conmon: string): string {
  return `#!/bin/sh
# Written by the Flotilla agent: starts conmon in the container's bundle, where podman looks for its note about memory,
# and has it keep the standard input of containers that want it kept.
next=
for argument; do
  if [ "$next" = bundle ]; then
    cd "$argument" || exit 1
    grep -q '"${keepStdin}":"true"' config.json && set -- --leave-stdin-open "$@"
    break
  fi
  [ "$argument" = -b ] && next=bundle
done
exec ${JSON.stringify(conmon)} "$@"
`;
}
