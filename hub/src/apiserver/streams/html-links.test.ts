import { expect, test } from 'vitest';
import { HtmlLinks } from './html-links.ts';

async function through(page: string, pieceBytes: number): Promise<string> {
  const links = new HtmlLinks((link) => (link.startsWith('/') ? `/proxy${link}` : link));
  const bytes = Buffer.from(page);
  for (let at = 0; at < bytes.length; at += pieceBytes) links.write(bytes.subarray(at, at + pieceBytes));
  links.end();
  const out: Buffer[] = [];
  for await (const piece of links) out.push(piece as Buffer);
  return Buffer.concat(out).toString();
}

const page = `<!doctype html><html manifest="/m"><head><title><a href="/no"></title>
<script src='/s.js'>if (1 < 2) document.write('<a href="/no">');</script><style>a<b{}</style>
<!-- <a href="/no"> > --></head>
<body><a class="x > y" HREF = "/a?x=1&amp;y=2">ä</a><a href=/bare><a href="rel"><img src="http://e/x" alt="/no"><form action="/f">
2 < 3 and <unclosed</body></html><`;

const changed = page
  .replace('manifest="/m"', 'manifest="/proxy/m"')
  .replace("src='/s.js'", "src='/proxy/s.js'")
  .replace('"/a?x', '"/proxy/a?x')
  .replace('=/bare', '=/proxy/bare')
  .replace('"/f"', '"/proxy/f"');

test.each([1, 2, 7, 1000])('links are changed where they are links, in pieces of %i bytes', async (bytes) => {
  expect(await through(page, bytes)).toBe(changed);
});

test('what never ends passes, and does not wait for ever', async () => {
  const endless = `<a href="${'x'.repeat(100_000)}`;
  expect(await through(endless, 10_000)).toBe(endless);
});
