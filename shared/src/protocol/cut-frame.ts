import { encodeData } from './frame.ts';

const dataFormat = 4;
const headerBytes = 1 + 4 + 1 + 8;

/**
 * Cuts the data of a stream's frame so that the first part has at most `mostBytes` of it; the rest is a frame of its own at its place in
 * the stream. What is no frame of a stream, or small enough, comes back as it is.
 */
export function cutFrame(payload: Buffer, mostBytes: number): { readonly first: Buffer; readonly rest: Buffer | undefined } {
  if (payload[0] !== dataFormat || payload.length <= headerBytes + mostBytes) return { first: payload, rest: undefined };
  const head = { stream: payload.readUInt32BE(1), channel: payload.readUInt8(5) };
  const offset = Number(payload.readBigUInt64BE(6)) + mostBytes;
  return {
    first: payload.subarray(0, headerBytes + mostBytes),
    rest: encodeData({ ...head, offset, data: payload.subarray(headerBytes + mostBytes) }),
  };
}
