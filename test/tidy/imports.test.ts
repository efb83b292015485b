import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkFile, checkTree, importsOf } from './check-imports.ts';

const root = resolve(import.meta.dirname, '../..');
const messages = (file: string, text: string): string[] => checkFile(file, text, () => true).map((finding) => finding.message);

describe('the tree', () => {
  const { files, imports, findings } = checkTree(root);

  it('keeps to the import table and to the doors', () => {
    expect(findings.map(({ file, message }) => `${file} ${message}`)).toEqual([]);
  });

  it('was really read', () => {
    expect(files).toBeGreaterThan(420);
    expect(imports).toBeGreaterThan(2080);
  });
});

describe('a planted violation is found', () => {
  it.each([
    ['agent/src/pods/worker.ts', "import { createHub } from '@flotilla/hub/hub.js';", /may not import hub\/src\/hub.ts/],
    ['hub/src/store/sqlite/x.ts', "import type { Registry } from '#registry/generic/types.ts';", /may not import hub\/src\/registry/],
    ['hub/src/controllers/deployment/x.ts', "import { x } from '#controllers/replicaset/x.ts';", /sees the world through the client/],
    ['agent/src/spec/x.ts', "import { x } from '#pods/plan.ts';", /imports only those named before it/],
    ['shared/src/meta/x.ts', "import { createHash } from 'node:crypto';", /in a browser/],
    ['hub/src/nodesync/x.ts', "import { readFileSync } from 'node:fs';", /handed its doors/],
    ['hub/src/nodesync/x.ts', "const fs = await import('node:fs');", /handed its doors/],
    ['hub/src/nodesync/x.ts', "export { connect } from 'mqtt';", /may not import mqtt/],
    ['hub/src/nodesync/x.ts', "import 'aedes';", /may not import aedes/],
    ['hub/src/nodesync/x.ts', "import { x } from 'crypto';", /write node:crypto/],
    ['hub/src/nodesync/x.ts', 'const now = Date.now();', /Clock.wallMs/],
    ['hub/src/nodesync/x.ts', 'const now = new Date();', /Clock.wallMs/],
    ['agent/src/pods/x.ts', 'setTimeout(() => {}, 5);', /Clock.after/],
    ['agent/src/pods/x.ts', 'const dice = Math.random();', /Random.next/],
    ['agent/src/pods/x.ts', "import { randomUUID } from 'node:crypto';", /Random/],
    ['elsewhere/x.ts', '', /no rule/],
  ])('%s: %s', (file, text, message) => {
    expect(messages(file, text)).toEqual([expect.stringMatching(message)]);
  });

  it('says when an import leads nowhere', () => {
    expect(checkFile('hub/src/nodesync/x.ts', "import { x } from './y.ts';", () => false)).toHaveLength(1);
  });
});

describe('what is allowed', () => {
  it.each([
    ['hub/src/controllers/deployment/x.ts', "import type { Client } from '#client/types.ts';"],
    ['hub/src/store/sqlite/x.ts', "import { DatabaseSync } from 'node:sqlite';"],
    ['hub/src/apiserver/server.ts', "import { createServer } from 'node:https';"],
    ['agent/src/pods/x.ts', "// Date.now() would jump\nimport { x } from '#spec/x.ts';"],
    ['agent/src/pods/x.test.ts', "import { readFileSync } from 'node:fs';\nDate.now();"],
  ])('%s: %s', (file, text) => {
    expect(messages(file, text)).toEqual([]);
  });
});

it('sees every form of import', () => {
  const text = `import a from 'a';\nimport {\n  b,\n} from 'b';\nimport type { c } from 'c';\nexport * from 'd';\nimport 'e';\nconst f = await import('f');\n// import g from 'g';`;
  expect(importsOf(text).sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});
