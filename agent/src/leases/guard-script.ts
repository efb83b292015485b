/**
 * The last word on leases: a shell in a session of its own that outlives the agent, however that ends, and needs no runtime to kill
 * with. Once a second, and at the end of each lease, it reads what the agent wrote (`BoardLease.text`) and kills every process in the
 * cgroups of pods whose lease is over, again and again, so that a container whose start was on its way dies too. Where conmon sits
 * is left alone: it tells how the containers ended. It ends when there is nothing to guard, or another guard has begun.
 */
export const guardScript = `#!/bin/sh
# Written by the Flotilla agent: stops pods whose lease is over. $1 is the folder that the agent shares with it.
dir=$1
cd / || exit 1
exec </dev/null >/dev/null 2>&1
trap '' HUP INT TERM
begin() {
  echo $$ >"$dir/guard.pid.$$" && mv "$dir/guard.pid.$$" "$dir/guard.pid" || exit 1
}
begin
# Out of the agent's own cgroup, which its service manager may clear; and not the first to go when memory is short.
for root in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
  [ -w "$root/cgroup.procs" ] && echo $$ >"$root/cgroup.procs"
done
echo -900 >/proc/$$/oom_score_adj

kill_below() {
  [ -w "$1/cgroup.kill" ] && echo 1 >"$1/cgroup.kill"
  if [ -r "$1/cgroup.procs" ]; then
    # A process of another pid namespace reads as 0, which would be this guard's own group.
    while read -r pid; do [ "$pid" -gt 0 ] && kill -9 "$pid"; done <"$1/cgroup.procs"
  fi
  for below in "$1"/*/; do
    case $below in *conmon*) continue ;; esac
    [ -d "$below" ] && kill_below "\${below%/}"
  done
}

# In each hierarchy the pod's cgroup holds its containers'. What is no path of one pod would be everybody's: the root, or a way out.
kill_pod() {
  case $1 in
    *..* | *//* | */./* | */. | */) return ;;
    /*) ;;
    *) return ;;
  esac
  for root in /sys/fs/cgroup /sys/fs/cgroup/*/; do
    for container in "\${root%/}$1"/*/; do
      case $container in *conmon*) continue ;; esac
      [ -d "$container" ] && kill_below "\${container%/}"
    done
  done
}

read -r boot </proc/sys/kernel/random/boot_id
while :; do
  read -r newest <"$dir/guard.pid" || exit 0
  [ "$newest" = $$ ] || exit 0
  [ -r "$dir/state" ] || exit 0
  # The uptime counts on while the machine is suspended.
  read -r uptime _ </proc/uptime
  now=\${uptime%.*}\${uptime#*.}
  now=\${now#0}
  wait=100
  any=
  {
    read -r written
    [ "$written" = "$boot" ] || exit 0
    while read -r uid until term groups; do
      any=1
      left=$((until - now))
      if [ "$left" -le 0 ]; then
        for group in $groups; do kill_pod "$group"; done
      elif [ "$left" -lt "$wait" ]; then
        wait=$left
      fi
    done
  } <"$dir/state"
  if [ -z "$any" ]; then
    # First out of sight, then a last look: whoever wrote after it finds no guard, and begins one.
    rm -f "$dir/guard.pid"
    {
      read -r written
      read -r any
    } <"$dir/state" || exit 0
    [ "$any" ] || exit 0
    begin
    continue
  fi
  if [ "$wait" -ge 100 ]; then sleep 1; else sleep "0.$(printf %02d "$wait")" || sleep 1; fi
done
`;
