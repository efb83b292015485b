/** Why a message was not taken. The words travel in a refusal. */
export type RefusalReason =
  /** Not what the protocol allows: wrong shape, unknown kind, bad frame. */
  | 'Malformed'
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
