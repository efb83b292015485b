import { createHash } from 'node:crypto';

/** Text with its kind and a checksum in front: what flash did to it is seen when it is read. */
export function checkedText(kind: string, body: string): string {
  return `${kind} ${checksum(body)}\n${body}`;
}

/** The text behind a checksum that holds; undefined for anything else. */
export function checkedBody(kind: string, text: string): string | undefined {
  const end = text.indexOf('\n');
  const body = text.slice(end + 1);
  return end >= 0 && text.slice(0, end) === `${kind} ${checksum(body)}` ? body : undefined;
}

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
