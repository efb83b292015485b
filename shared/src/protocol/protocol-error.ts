/** Why a message was not taken. The words travel in a refusal. */
export type RefusalReason =
  /** Not what the protocol allows: wrong shape, bad frame. */
  | 'Malformed'
  /** A kind of message, or a request, that this side does not know or does not do. */
  | 'Unsupported'
  /** A difference to a content that is not in hand, or that does not lead where it should: send the whole. */
  | 'Gap'
  | 'TooLarge'
  /** The topic belongs to somebody else. */
  | 'Forbidden'
  /** No protocol version in common. */
  | 'Version'
  /** Signature, key or addressee are wrong. */
  | 'Untrusted'
  /** Of a session that is over, or before hello. */
  | 'Session'
  /** Too much at once; try again later. */
  | 'Busy'
  | 'Failed';

export class ProtocolError extends Error {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ProtocolError';
    this.reason = reason;
  }
}
