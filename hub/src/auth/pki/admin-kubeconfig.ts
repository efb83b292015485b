import type { Files } from '@flotilla/shared/platform/files.js';
import type { KeyPairPem } from './pki.ts';

export interface KubeconfigOptions {
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  readonly caCertPem: string;
  readonly client: KeyPairPem;
  readonly cluster?: string;
  readonly user?: string;
}

/** A kubeconfig with everything inside, as YAML. */
export function kubeconfig(options: KubeconfigOptions): string {
  const { server, caCertPem, client, cluster = 'flotilla', user = 'kubernetes-admin' } = options;
  const context = `${user}@${cluster}`;
  const base64 = (pem: string): string => Buffer.from(pem).toString('base64');
  return [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    `- name: ${cluster}`,
    '  cluster:',
    `    server: ${server}`,
    `    certificate-authority-data: ${base64(caCertPem)}`,
    'contexts:',
    `- name: ${context}`,
    '  context:',
    `    cluster: ${cluster}`,
    `    user: ${user}`,
    `current-context: ${context}`,
    'preferences: {}',
    'users:',
    `- name: ${user}`,
    '  user:',
    `    client-certificate-data: ${base64(client.certPem)}`,
    `    client-key-data: ${base64(client.keyPem)}`,
    '',
  ].join('\n');
}

/** Writes the kubeconfig (0600) unless the same is there already. */
export async function writeKubeconfig(
  files: Pick<Files, 'readText' | 'writeAtomic'>,
  path: string,
  options: KubeconfigOptions,
): Promise<void> {
  const text = kubeconfig(options);
  if ((await files.readText(path)) !== text) await files.writeAtomic(path, text, { mode: 0o600 });
}
