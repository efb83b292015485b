import { Shape } from './shape.ts';

/**
 * Down, signed for the board: the agent shall become another. Part of the frozen core, so that a hub can reach every agent ever
 * released; an agent that cannot do it answers with a refusal `Unsupported`. Where the artifact is fetched from is not said: the
 * digest names it, the hub serves it.
 */
export interface UpdateMessage {
  /** Chosen by the hub; the same update sent again keeps it. */
  readonly id: string;
  /** Of the agent: `0.2.0`. */
  readonly version: string;
  readonly artifact: {
    /** `sha256:` and 64 hexadecimal digits. */
    readonly digest: string;
    readonly bytes: number;
  };
}

export function parseUpdate(value: unknown): UpdateMessage {
  const shape = new Shape('update', value);
  const artifact = shape.nested('artifact');
  return {
    id: shape.text('id'),
    version: shape.text('version'),
    artifact: { digest: artifact.text('digest'), bytes: artifact.integer('bytes', 1) },
  };
}
