/**
 * What stands between the agent and a shell, as a process of its own: `node -e` runs it. node-pty makes the terminal here, and not in the
 * agent, because its outer end would be inherited by all that the agent starts, and a terminal hangs up only when nobody has that end any
 * more. The program is started here as well, since what node-pty starts loses the end of its output: where nobody is left at the inner end,
 * a read that gets less than it could take counts as the last. So that end is held open until all was read: a mark is written to it after
 * the program's end, and everything before the mark was the program's.
 *
 * When whoever started it goes away, all in the session of the program is killed.
 */
export const ptyProgram = `
const { spawn } = require('node:child_process');
const { constants: flags, openSync, readdirSync, readFileSync, write } = require('node:fs');
const { Socket } = require('node:net');
const { constants: { signals } } = require('node:os');
const { Transform } = require('node:stream');

const { command, cwd, nodePty } = JSON.parse(process.argv[1]);
const mark = Buffer.from('\\0' + process.pid + ' ' + process.hrtime.bigint() + '\\0');
const intoTerminal = 'terminal=$1; shift; exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- 0<>"$terminal" 1>&0 2>&1; exec "$@"';
const held = () => {};

const pair = nodePty && require(nodePty).open({ cols: 80, rows: 24, encoding: null });
let child, inner;
if (pair) {
  const { master, slave, ptsName } = pair;
  // node-pty's own inner end would read what is typed.
  inner = openSync(ptsName, flags.O_RDWR | flags.O_NOCTTY);
  slave.destroy();
  master.on('error', held);
  // As the leader of a session without a terminal it gets the first one that it opens as its own; it must not have the outer end.
  const nothing = openSync('/dev/null', flags.O_RDWR);
  const stdio = Array.from({ length: pair.fd + 1 }, () => nothing);
  child = spawn('/bin/sh', ['-c', intoTerminal, 'sh', ptsName, ...command], { cwd, stdio, detached: true });
  process.stdin.pipe(master, { end: false });
  process.stdin.once('end', () => master.write('\\x04'));
  let kept = Buffer.alloc(0);
  const upToMark = new Transform({
    transform(data, _encoding, done) {
      const all = Buffer.concat([kept, data]);
      const at = all.indexOf(mark);
      // The mark may come in two pieces: what may be its beginning waits.
      const zero = all.lastIndexOf(0);
      const end = at >= 0 ? at : zero >= 0 ? zero : all.length;
      const safe = at >= 0 || all.length - end < mark.length ? end : all.length;
      kept = all.subarray(safe);
      if (safe > 0) this.push(all.subarray(0, safe));
      if (at >= 0) this.push(null);
      done();
    },
  });
  // Pipes of the process's own are written to in such a way that all else would wait.
  const out = new Socket({ fd: 1, readable: false });
  out.on('error', held);
  master.pipe(upToMark).pipe(out);
  out.once('finish', leave);
} else {
  child = spawn(command[0], command.slice(1), { cwd, stdio: ['inherit', 'inherit', 'inherit'], detached: true });
}

let exitCode;
child.once('error', (error) => process.send({ error: error.message }, () => process.exit(1)));
child.once('exit', (code, signal) => {
  exitCode = code ?? 128 + signals[signal];
  if (!pair) return leave();
  write(inner, mark, (failed) => failed && leave());
});
function leave() {
  process.send({ exitCode }, () => process.exit(0));
}
process.on('message', ({ width, height }) => {
  if (pair && width > 0 && height > 0) pair.resize(width, height);
});
process.on('disconnect', () => {
  for (let again = 0; again < 100 && endSession(); again++);
  process.exit(0);
});
function endSession() {
  let found = false;
  for (const name of readdirSync('/proc')) {
    try {
      const stat = readFileSync('/proc/' + name + '/stat', 'latin1');
      const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(session) !== child.pid || state === 'Z') continue;
      found = true;
      process.kill(Number(name), 'SIGKILL');
    } catch {}
  }
  return found;
}
process.send({ started: true });
`;
