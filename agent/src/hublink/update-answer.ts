import { ProtocolError } from '@flotilla/shared/protocol/protocol-error.js';
import type { DownKind } from '@flotilla/shared/protocol/topics.js';
import { parseUpdate } from '@flotilla/shared/protocol/update-message.js';
import type { LinkChannel, LinkPart } from './types.ts';

/** The place of `update` in the frozen core: this agent is updated with its image, so it says that it does not do it itself. */
export class UpdateAnswer implements LinkPart {
  readonly kinds: readonly DownKind[] = ['update'];

  receive(_kind: DownKind, value: unknown, channel: LinkChannel): void {
    const { version } = parseUpdate(channel.open('update', value));
    throw new ProtocolError('Unsupported', `this agent cannot update itself to ${version}`);
  }
}
