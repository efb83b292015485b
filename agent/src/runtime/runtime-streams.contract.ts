import { readdir, readFile } from 'node:fs/promises';
import type { PodStream, StreamOutput } from '@flotilla/shared/protocol/stream-messages.js';
import { describe, expect, test } from 'vitest';
import type { RuntimeHarness } from './runtime.contract.ts';
import type { ContainerSpec, ContainerState, ExecRequest, SandboxSpec, SandboxState } from './types.ts';

interface Helpers {
  sandboxSpec(more?: Partial<SandboxSpec>): SandboxSpec;
  container(does: Partial<ContainerSpec>, more?: Partial<ContainerSpec>): ContainerSpec;
  until(what: string, check: () => Promise<boolean>): Promise<void>;
}

const wants = { stdin: false, stdout: true, stderr: true, tty: false };

/** Exec, attach and connections. With `shell`, programs are real. */
export function runtimeStreamsContract(harness: () => RuntimeHarness, helpers: Helpers, options: { readonly shell: boolean }): void {
  const { sandboxSpec, container, until } = helpers;
  const start = async (does: Partial<ContainerSpec>, more: Partial<ContainerSpec> = {}): Promise<{ sandbox: SandboxState; id: string }> => {
    const sandbox = await harness().runtime().createSandbox(sandboxSpec());
    const { id } = await harness().runtime().createContainer(sandbox, container(does, more));
    return { sandbox, id };
  };
  const exec = (
    id: string,
    command: string[],
    more: Partial<ExecRequest> = {},
    signal = new AbortController().signal,
  ): Promise<PodStream> =>
    harness()
      .runtime()
      .exec(id, { command, ...wants, ...more }, signal);
  const sh = async (id: string, script: string, more: Partial<ExecRequest> = {}): Promise<Outcome> =>
    outcome(await exec(id, ['sh', '-c', script], more));

  describe('streams', () => {
    test('a program gets its input and its end, and all it writes comes back', async () => {
      const { id } = await start(harness().does.forEver());
      expect(await outcome(await exec(id, ['echo', 'a b', '"c"']))).toEqual({ out: 'a b "c"\n', err: '', exitCode: 0 });
      const stream = await exec(id, ['cat'], { stdin: true });
      const whole = Buffer.alloc(3 << 20, 'flotilla ');
      const reading = outcome(stream);
      for (let at = 0; at < whole.length; at += 100_000) await stream.write(whole.subarray(at, at + 100_000));
      stream.end();
      const { out, exitCode } = await reading;
      expect(out.length).toBe(whole.length);
      expect(out === whole.toString()).toBe(true);
      expect(exitCode).toBe(0);
    });

    test('a program that is not there, and a container that does not run, are said', async () => {
      const { sandbox, id } = await start(harness().does.forEver());
      await expect(exec(id, ['no-such-program'])).rejects.toMatchObject({
        code: 500,
        message: expect.stringMatching(/^Internal error occurred: error executing command in container: .*no-such-program.*not found/),
      });
      const ended = await harness()
        .runtime()
        .createContainer(sandbox, container(harness().does.exits(0, 0), { name: 'ended' }));
      const state = async (): Promise<ContainerState | undefined> =>
        (await harness().runtime().list()).flatMap(({ containers }) => containers).find((one) => one.id === ended.id);
      await until('the container to end', async () => (await state())?.status === 'exited');
      await expect(exec(ended.id, ['echo'])).rejects.toMatchObject({ reason: 'NotFound' });
      await expect(harness().runtime().attach(ended.id, wants, new AbortController().signal)).rejects.toMatchObject({ reason: 'NotFound' });
    });

    test('a program ends with the signal, and so does what it would have said', async () => {
      const { id } = await start(harness().does.forEver());
      const giveUp = new AbortController();
      const stream = await exec(id, ['sleep', '4321'], { stdin: true }, giveUp.signal);
      giveUp.abort();
      const { out, exitCode } = await outcome(stream);
      expect(out).toBe('');
      expect(exitCode).not.toBe(0);
    });

    test('an attached client hears what is written while it listens, and leaves without harm', async () => {
      const { id } = await start(harness().does.repeats('tick\n'));
      const giveUp = new AbortController();
      const stream = await harness().runtime().attach(id, wants, giveUp.signal);
      const output = stream.output[Symbol.asyncIterator]();
      const first = output.next();
      await until('a line', async () => (await Promise.race([first, undefined])) !== undefined);
      expect((await first).value?.data.toString()).toContain('tick');
      giveUp.abort();
      await until('the end', async () => (await output.next()).done === true);
      await stream.result;
      const [sandbox] = await harness().runtime().list();
      expect(sandbox?.containers[0]?.status).toBe('running');
    });
  });

  if (!options.shell) return;
  describe('streams of real programs', () => {
    test('outputs are apart, exit codes are their own, and nothing of the end is lost', async () => {
      const { id } = await start(harness().does.forEver(), { env: { GREETING: 'hi' }, workingDir: '/tmp', runAsUser: 1234 });
      expect(await sh(id, 'echo "$GREETING $PWD $(id -u)"; echo err >&2; exit 42')).toEqual({
        out: 'hi /tmp 1234\n',
        err: 'err\n',
        exitCode: 42,
      });
      expect((await sh(id, 'kill -9 $$')).exitCode).toBe(137);
      const { out } = await sh(id, 'yes 12345678 | head -c 5000000; echo; echo END');
      expect([out.length, out.slice(-4)]).toEqual([5_000_005, 'END\n']);
      const quiet = await exec(id, ['sh', '-c', 'echo out; echo err >&2'], { stdout: false });
      expect(await outcome(quiet)).toEqual({ out: '', err: 'err\n', exitCode: 0 });
    });

    test('a terminal has a size, which changes, and its input comes from the client', async () => {
      const { id } = await start(harness().does.forEver());
      const script =
        'tty >/dev/null && echo a-terminal; trap "stty size" WINCH; while :; do read -r line || continue; echo "got $line"; [ "$line" = end ] && exit 3; done';
      const stream = await exec(id, ['sh', '-c', script], { stdin: true, tty: true });
      const text = collect(stream);
      await until('the program', async () => text().includes('a-terminal'));
      stream.resize({ width: 101, height: 37 });
      await until('its size', async () => {
        await stream.write(Buffer.from('\n'));
        return text().includes('37 101');
      });
      await stream.write(Buffer.from('end\n'));
      expect(await stream.result).toEqual({ exitCode: 3 });
      expect(text()).toContain('got end\r\n');
    });

    test.each([false, true])('what was started goes with the client, children included; terminal: %s', async (tty) => {
      const { id } = await start(harness().does.forEver());
      const giveUp = new AbortController();
      const script = 'sleep 4242 & (sleep 4243 &) ; echo started; sleep 4244';
      const stream = await exec(id, ['sh', '-c', script], { stdin: true, tty }, giveUp.signal);
      const text = collect(stream);
      await until('it to start', async () => text().includes('started') && (await running(id, /sleep\x00424[234]/)).length === 3);
      giveUp.abort();
      await stream.result;
      await until('its end', async () => (await running(id, /sleep\x00424[234]/)).length === 0);
      expect(await carriers(id)).toBe(0);
    });

    test('what an agent left that was killed is ended by the next', async () => {
      const { id } = await start(harness().does.forEver());
      const stream = await exec(id, ['sleep', '4545'], { stdin: true });
      await until('it to start', async () => (await running(id, /sleep\x004545/)).length === 1);
      await harness().sweepExecs?.();
      expect(await running(id, /sleep\x004545/)).toEqual([]);
      await stream.result;
      expect(await carriers(id)).toBe(0);
    });

    test('a program that nobody reads waits, and takes no memory here', async () => {
      const { id } = await start(harness().does.forEver());
      const giveUp = new AbortController();
      await exec(id, ['yes', 'nobody'], {}, giveUp.signal);
      const written = async (): Promise<number> => {
        const [pid] = await running(id, /yes\x00nobody/);
        // It may not have become the program yet.
        return Number(/^wchar: (\d+)$/m.exec(await readFile(`/proc/${pid}/io`, 'utf8').catch(() => ''))?.[1] ?? 0);
      };
      let before = -1;
      await until('it to wait', async () => {
        const now = await written();
        const waits = now > 0 && now === before;
        before = now;
        return waits;
      });
      // What the pipes between it and the agent hold, and the agent's own share.
      expect(before).toBeLessThan(2 << 20);
      giveUp.abort();
      await until('its end', async () => (await carriers(id)) === 0);
    });

    test.each([false, true])('attached input reaches the process; once only: %s', async (stdinOnce) => {
      const script = 'while read -r line; do echo "got $line"; done; echo no-more; exec sleep 1000';
      const { id } = await start({ command: ['sh', '-c', script] }, { stdin: true, stdinOnce });
      const say = async (word: string): Promise<string> => {
        const giveUp = new AbortController();
        const stream = await harness()
          .runtime()
          .attach(id, { ...wants, stdin: true }, giveUp.signal);
        const text = collect(stream);
        await stream.write(Buffer.from(`${word}\n`));
        await until('an answer', async () => text().includes(`got ${word}\n`));
        if (stdinOnce) {
          stream.end();
          await until('the end of the input', async () => text().includes('no-more'));
        }
        giveUp.abort();
        await stream.result;
        return text();
      };
      expect(await say('one')).toContain('got one\n');
      if (!stdinOnce) expect(await say('two')).toBe('got two\n');
    });

    test('a port of the pod answers, each side may end first, and a port without a server is refused', async () => {
      const page = 'mkdir -p /tmp/w; echo page >/tmp/w/index.html; httpd -f -p 127.0.0.1:8082 -h /tmp/w & exec httpd -f -p 8080 -h /tmp/w';
      const { sandbox } = await start({ command: ['sh', '-c', page] });
      const { signal } = new AbortController();
      const connect = (port: number): Promise<PodStream> => harness().runtime().connect(sandbox, port, signal);
      await until('the server', () =>
        connect(8080).then(
          (stream) => {
            stream.end();
            return true;
          },
          () => false,
        ),
      );
      const stream = await connect(8080);
      await stream.write(Buffer.from('GET / HTTP/1.0\r\n\r\n'));
      const { out } = await outcome(stream, () => stream.end());
      expect(out).toMatch(/^HTTP\/1\.[01] 200 OK[\s\S]*\r\n\r\npage\n$/);
      const local = await connect(8082);
      await local.write(Buffer.from('GET / HTTP/1.0\r\n\r\n'));
      expect((await outcome(local, () => local.end())).out).toMatch(/page\n$/);
      await expect(connect(8081)).rejects.toMatchObject({ message: expect.stringContaining('ECONNREFUSED') });
    });
  });
}

interface Outcome {
  readonly out: string;
  readonly err: string;
  readonly exitCode: number | undefined;
}

async function outcome(stream: PodStream, ended = (): void => {}): Promise<Outcome> {
  const parts: StreamOutput[] = [];
  for await (const part of stream.output) parts.push(part);
  ended();
  const text = (wanted: number): string =>
    Buffer.concat(parts.filter(({ channel }) => channel === wanted).map(({ data }) => data)).toString();
  return { out: text(1), err: text(2), ...(await stream.result) };
}

/** Reads on and on; what has come so far. */
function collect(stream: PodStream): () => string {
  let text = '';
  void (async () => {
    for await (const { data } of stream.output) text += data.toString();
  })();
  return () => text;
}

/** Processes of the container whose command line fits. */
async function running(containerId: string, command: RegExp): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const of = async (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
      return command.test(await of('cmdline')) && (await of('cgroup')).includes(containerId);
    }),
  );
  return pids.filter((_, n) => found[n]);
}

/** Processes outside the container that carry an exec of it. */
async function carriers(containerId: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes('\0exec\0') && line.includes(containerId)).length;
}
