import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Command, commands, files } from './kubectl-cases.ts';

/** What a command ended with and said; whatever must differ between two servers stands as a word. */
export interface Said {
  readonly code: number | null;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

export interface KubectlRecording {
  /** Of kubectl and of the server. */
  readonly versions: string;
  readonly answers: readonly (Said & { readonly run: string })[];
}

const file = join(import.meta.dirname, 'recorded', 'kubectl.json');

export function readKubectlRecording(): KubectlRecording {
  return JSON.parse(readFileSync(file, 'utf8')) as KubectlRecording;
}

export function writeKubectlRecording({ versions, answers }: KubectlRecording): void {
  const lines = answers.map((answer) => `    ${JSON.stringify(answer)}`).join(',\n');
  writeFileSync(file, `{\n  "versions": ${JSON.stringify(versions)},\n  "answers": [\n${lines}\n  ]\n}\n`);
}

/** How long a command may take: only one that hangs takes that long. */
const commandMs = 120_000;

/** Runs all commands, one after the other. */
export async function playKubectl(kubectl: string, kubeconfig: string, url: string): Promise<(Said & { readonly run: string })[]> {
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-kubectl-cases-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    const answers: (Said & { readonly run: string })[] = [];
    for (const command of commands) {
      const { code, stdout, stderr } = await run(kubectl, kubeconfig, dir, command);
      const lines = (text: string): string[] => normalise(text, { dir, url });
      answers.push({ run: titleOf(command), code, stdout: lines(stdout), stderr: lines(stderr) });
    }
    return answers;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export const titleOf = ({ run: words, args = [] }: Command): string => [words, ...args].join(' ');

function run(
  kubectl: string,
  kubeconfig: string,
  dir: string,
  command: Command,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const editor = command.editor === undefined ? {} : { KUBE_EDITOR: command.editor };
  const child = spawn(kubectl, [...command.run.split(' '), ...(command.args ?? [])], {
    cwd: dir,
    env: { PATH: process.env['PATH'], HOME: dir, KUBECONFIG: kubeconfig, KUBECTL_EXTERNAL_DIFF: 'diff -N -U 1', ...editor },
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), commandMs);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(command.input ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}

const replaced: readonly (readonly [RegExp, string])[] = [
  [/\u001b\[[0-9;]*m/g, ''],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '«uid»'],
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| [+-]\d{4})?/g, '«time»'],
  [/\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, '«date»'],
  [/(resourceVersion"?: ?)"\d+"/g, '$1«version»'],
  [/\/tmp\/(LIVE|MERGED)-\d+/g, '«$1»'],
  // Ages stand behind two blanks, or at the end of a line.
  [/(?<= {2,})(\d+[smhd])+(?= |$)/gm, '«age»'],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, '«token»'],
];

/** Lines in which columns have one blank between them. */
function normalise(text: string, { dir, url }: { readonly dir: string; readonly url: string }): string[] {
  const plain = replaced.reduce((rest, [pattern, word]) => rest.replaceAll(pattern, word), text);
  const lines = plain.replaceAll(dir, '«dir»').replaceAll(url, '«server»').trimEnd().split('\n');
  return lines.map((line) => line.replace(/(?<=\S) {2,}/g, '  ').trimEnd()).filter((line, index) => line !== '' || index > 0);
}
