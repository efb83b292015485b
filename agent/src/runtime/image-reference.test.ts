import { describe, expect, test } from 'vitest';
import { isImageId, parseImageReference } from './image-reference.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('parseImageReference', () => {
  test.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['me/app', 'docker.io/me/app:latest'],
    ['index.docker.io/library/x', 'docker.io/library/x:latest'],
    ['docker.io/x', 'docker.io/library/x:latest'],
    ['localhost/x:tag', 'localhost/x:tag'],
    ['localhost:5000/x', 'localhost:5000/x:latest'],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
    [`a/b@${digest}`, `docker.io/a/b@${digest}`],
    [`a/b:v1@${digest}`, `docker.io/a/b:v1@${digest}`],
    ['[::1]:5000/x', '[::1]:5000/x:latest'],
    ['a__b/c-d.e', 'docker.io/a__b/c-d.e:latest'],
  ])('%s becomes %s', (text, canonical) => {
    expect(parseImageReference(text).canonical).toBe(canonical);
  });

  test.each(['', 'a:', 'a:b:c', ':tag', '/x', 'x/', 'a b', 'a@sha256:12', 'a@b@c', 'x:-bad', 'x//y', '-x', 'x'.repeat(300)])(
    'refuses %j',
    (text) => {
      expect(() => parseImageReference(text)).toThrow(/couldn't parse image name/);
    },
  );

  test('says that a repository must be in lower case', () => {
    expect(() => parseImageReference('Busybox')).toThrow(
      `couldn't parse image name "Busybox": invalid reference format: repository name (library/Busybox) must be lowercase`,
    );
  });
});

test('an id is not a name', () => {
  expect(isImageId(digest)).toBe(true);
  expect(isImageId(digest.slice(7))).toBe(true);
  expect(isImageId('abc')).toBe(false);
});
