import type { HostPathVolumeSource } from '@flotilla/shared/api/generated/types.js';
import type { FileStat, Files } from '@flotilla/shared/platform/files.js';

const checks: Readonly<Record<string, { readonly kind: FileStat['kind']; readonly words: string }>> = {
  Directory: { kind: 'directory', words: 'a directory' },
  File: { kind: 'file', words: 'a file' },
  Socket: { kind: 'socket', words: 'a socket file' },
  CharDevice: { kind: 'charDevice', words: 'a character device' },
  BlockDevice: { kind: 'blockDevice', words: 'a block device' },
};

/** Checks, and where the type says so makes, what a hostPath volume names. @throws Error in the kubelet's words */
export async function prepareHostPath(files: Files, { path, type = '' }: HostPathVolumeSource): Promise<string> {
  if (type === '') {
    // A container runtime makes a missing directory for a bind mount; podman does not, so it is made here as the kubelet's would be.
    if (!(await files.stat(path))) await files.mkdir(path, { mode: 0o755 });
    return path;
  }
  const found = await files.stat(path);
  if (type === 'DirectoryOrCreate' || type === 'FileOrCreate') {
    const wanted = type === 'DirectoryOrCreate' ? 'Directory' : 'File';
    if (found) return expectKind(path, found, wanted);
    if (wanted === 'Directory') await files.mkdir(path, { mode: 0o755 });
    else await files.write(path, '', { mode: 0o644 });
    return path;
  }
  return expectKind(path, found, type);
}

function expectKind(path: string, found: FileStat | undefined, type: string): string {
  const check = checks[type];
  if (!check) throw new Error(`${type} is an invalid volume type`);
  if (found?.kind !== check.kind) throw new Error(`hostPath type check failed: ${path} is not ${check.words}`);
  return path;
}
