import { isAlreadyExists, isNotFound } from '@flotilla/shared/errors/status.js';
import type { Logger } from '@flotilla/shared/log/logger.js';
import type { KubeObject } from '@flotilla/shared/meta/object.js';
import type { Client } from '#client/types.ts';

/** How far a recovery is, or what the last one came to. */
export interface RecoveryState {
  readonly active: boolean;
  readonly reason?: 'restored' | 'empty';
  readonly endedAt?: string;
  readonly heard: readonly {
    readonly node: string;
    /** `pods/default/web`: what was missing here, or older. Not all of it where it is very much. */
    readonly taken: readonly string[];
    readonly takenCount: number;
    /** `default/web`: pods that are no more. */
    readonly removed: readonly string[];
    readonly unrecovered: readonly { readonly what: string; readonly why: string }[];
  }[];
  /** With what was wrong with what they gave back, if anything. */
  readonly missing: readonly { readonly node: string; readonly why?: string }[];
  /** What an operator should do. */
  readonly lines: readonly string[];
}

const namespace = 'kube-system';
const name = 'flotilla-recovery';
const mostNamed = 100;

/** Tells whoever looks with kubectl: the ConfigMap `kube-system/flotilla-recovery`. Never throws. */
export async function announce(
  { client, logger }: { readonly client: Client; readonly logger: Logger },
  state: RecoveryState,
): Promise<void> {
  const missing = state.missing.map(({ node }) => node);
  const named = missing.slice(0, mostNamed).join('\n') + (missing.length > mostNamed ? `\nand ${missing.length - mostNamed} more` : '');
  const data = {
    state: state.active ? 'recovering: controllers, scheduler and evictions wait' : 'over',
    heard: String(state.heard.length),
    missing: named,
    advice: state.lines.slice(0, mostNamed).join('\n'),
  };
  const maps = client.resource<KubeObject & { data?: Record<string, string> }>('', 'configmaps');
  try {
    await maps.update(namespace, name, (current) => ({ ...current, data }));
  } catch (error) {
    if (!isNotFound(error)) return logger.warn('could not tell of the recovery', { error });
    await maps.create(namespace, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data }).catch((late: unknown) => {
      if (!isAlreadyExists(late)) logger.warn('could not tell of the recovery', { error: late });
    });
  }
}
