/** What only the hub knows of itself; empty for a bundle that is carried by hand. */
export interface InstallScriptOptions {
  /** `sha256//BASE64`, as curl takes it: of the key that the hub serves with. */
  readonly pin: string;
}

/**
 * Installs the agent on a host that runs systemd, and takes it off again. POSIX sh. All of it stands between braces: a shell that was sent
 * only a part of it, up to whatever byte, finds the end missing and runs nothing.
 */
export function installScript({ pin }: InstallScriptOptions): string {
  if (pin !== '' && !/^sha256\/\/[A-Za-z0-9+/]{43}=$/.test(pin)) throw new Error('the pin is not one');
  return script.replace('@PIN@', pin);
}

const script = String.raw`#!/bin/sh
# Installs the agent of Flotilla on this host: sh install.sh --hub https://HOST:6443 --token TOKEN [OPTION ...]
{
set -eu
umask 022
PIN='@PIN@'
HOME_DIR=/usr/lib/flotilla
DATA_DIR=/var/lib/flotilla-agent
SETTINGS=/etc/flotilla
UNIT=flotilla-agent.service
UNIT_FILE=/usr/lib/systemd/system/$UNIT

usage() {
  cat <<'END'
install.sh --hub URL --token TOKEN     installs the agent and joins the hub
  --node-name NAME                     the node's name; the host name when left out
  --node-labels K=V,...                labels of the node
  --register-with-taints K=V:EFFECT,...
  --proxy URL                          a proxy on the way to the hub
  --from FILE                          the agent's bundle, when it is not fetched from the hub
  --pin sha256//...                    the hub's key, when it is not in this script
install.sh --uninstall [--keep-data]   stops the pods, takes the agent off; --keep-data leaves its identity and volumes
END
}

say() { printf 'flotilla: %s\n' "$*"; }
die() { printf 'flotilla: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

need_host() {
  [ "$(id -u)" = 0 ] || die 'this must run as root (put sudo before sh)'
  [ -d /run/systemd/system ] || die 'this host does not run systemd: start flotilla-agent by other means'
  for program in tar sha256sum systemctl; do have "$program" || die "$program is missing"; done
}

architecture() {
  case "$(uname -m)" in
    x86_64 | amd64) echo amd64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) die "no agent is made for $(uname -m): it needs x86_64 or aarch64" ;;
  esac
}

plain() {
  case "$2" in *[!A-Za-z0-9._:/=,@%+-]* | '') die "$1 holds a character that has no place there" ;; esac
}

need_podman() {
  if have podman; then say "podman is here: $(podman --version)"; return; fi
  packages=$(dirname "$0")/packages
  if [ -n "$from" ] && [ -d "$packages" ] && have dpkg; then
    say 'installing podman from the packages beside this script'
    (cd "$packages" && { [ ! -e SHA256SUMS ] || sha256sum -c SHA256SUMS >/dev/null; }) || die 'the packages beside this script are damaged'
    release=$( (. /etc/os-release && printf '%s' "$VERSION_CODENAME") 2>/dev/null || true)
    [ ! -e "$packages/release" ] || [ "$(cat "$packages/release")" = "$release $arch" ] ||
      die "the packages beside this script are for $(cat "$packages/release"), and this host is $release $arch"
    # What the host has newer stays.
    DEBIAN_FRONTEND=noninteractive dpkg --refuse-downgrade --skip-same-version --install "$packages"/*.deb
  elif have apt-get; then
    say 'installing podman with apt-get'
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update
    # Where the distribution knows them; its own choice elsewhere.
    apt-get -q -y install --no-install-recommends podman conmon crun netavark aardvark-dns catatonit iptables || apt-get -q -y install podman
  elif have dnf; then dnf -y install podman
  elif have zypper; then zypper --non-interactive install podman
  elif have pacman; then pacman -S --noconfirm podman
  else die 'podman is missing, and no package manager that is known here: install it first'
  fi
  have podman || die 'podman could not be installed'
  : >"$work/installed-podman"
}

# The token does not show in the list of processes: curl reads it.
fetch() {
  printf 'header = "Authorization: Bearer %s"\n' "$token" |
    curl --config - --fail --silent --show-error --insecure --pinnedpubkey "$pin" --retry 3 --output "$2" "$hub$1"
}

get_bundle() {
  if [ -n "$from" ]; then
    cp -- "$from" "$work/bundle.tar.gz"
  else
    [ -n "$pin" ] || die 'the key of the hub is not known: say --pin, or take this script from the hub'
    have curl || die 'curl is missing'
    say "fetching the agent for $arch from $hub"
    fetch "/flotilla/v1/agent/$arch.tar.gz" "$work/bundle.tar.gz"
    fetch "/flotilla/v1/agent/$arch.sha256" "$work/sum"
    [ "$(cut -c1-64 <"$work/sum")" = "$(sha256sum <"$work/bundle.tar.gz" | cut -c1-64)" ] || die 'the bundle did not arrive as it was sent'
  fi
  mkdir "$work/tree"
  tar -xzf "$work/bundle.tar.gz" -C "$work/tree" || die 'the bundle is damaged'
  node=$work/tree/usr/lib/flotilla/bin/node
  "$node" --version >/dev/null || die "the bundle is not for this machine ($arch)"
}

put_in_place() {
  systemctl stop "$UNIT" 2>/dev/null || true
  rm -rf "$HOME_DIR.new" "$HOME_DIR.old"
  mkdir -p "$(dirname "$HOME_DIR")" "$(dirname "$UNIT_FILE")" "$SETTINGS"
  mv "$work/tree/usr/lib/flotilla" "$HOME_DIR.new"
  [ ! -e "$HOME_DIR" ] || mv "$HOME_DIR" "$HOME_DIR.old"
  mv "$HOME_DIR.new" "$HOME_DIR"
  rm -rf "$HOME_DIR.old"
  cp "$work/tree$UNIT_FILE" "$UNIT_FILE"
  cp "$work/tree/usr/bin/flotilla-agent" /usr/bin/flotilla-agent
  chmod 755 /usr/bin/flotilla-agent
  chmod 700 "$SETTINGS"
  [ ! -e "$work/installed-podman" ] || : >"$SETTINGS/installed-podman"
}

write_settings() {
  flags="--hub $hub --token-file $SETTINGS/join-token"
  [ -z "$name" ] || flags="$flags --node-name $name"
  [ -z "$labels" ] || flags="$flags --node-labels $labels"
  [ -z "$taints" ] || flags="$flags --register-with-taints $taints"
  (
    umask 077
    printf '%s\n' "$token" >"$SETTINGS/join-token"
    { printf 'FLOTILLA_AGENT_FLAGS=%s\n' "$flags"; [ -z "$proxy" ] || printf 'HTTPS_PROXY=%s\n' "$proxy"; } >"$SETTINGS/agent.env.new"
  )
  mv "$SETTINGS/agent.env.new" "$SETTINGS/agent.env"
}

joined() { [ -e "$DATA_DIR/identity/enrolment.json" ]; }

start() {
  systemctl daemon-reload
  systemctl enable "$UNIT" >/dev/null 2>&1 || die "$UNIT could not be enabled"
  systemctl restart "$UNIT"
  seconds=0
  while ! joined && [ "$seconds" -lt 30 ]; do sleep 1; seconds=$((seconds + 1)); done
  if joined; then
    rm -f "$SETTINGS/join-token"
    say 'this host has joined; kubectl get nodes shows it'
  else
    say 'it has not joined yet, and goes on trying; what it says:'
    journalctl --unit "$UNIT" --lines 5 --no-pager --output cat 2>/dev/null || true
    say 'a board that waits for approval is shown by flotilla node pending'
  fi
}

install() {
  need_host
  [ -n "$hub" ] && [ -n "$token" ] || { usage >&2; exit 2; }
  case "$hub" in https://?*) ;; *) die 'the hub is named as https://HOST:6443' ;; esac
  plain --hub "$hub"; plain --token "$token"
  [ -z "$name" ] || plain --node-name "$name"
  [ -z "$labels" ] || plain --node-labels "$labels"
  [ -z "$taints" ] || plain --register-with-taints "$taints"
  [ -z "$proxy" ] || plain --proxy "$proxy"
  arch=$(architecture)
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  [ -z "$proxy" ] || export HTTPS_PROXY="$proxy"
  need_podman
  get_bundle
  put_in_place
  write_settings
  start
}

remove_pods() {
  have podman || return 0
  pods=$(podman pod ps --quiet --filter label=io.kubernetes.pod.uid 2>/dev/null || true)
  [ -z "$pods" ] || podman pod rm --force $pods >/dev/null 2>&1 || say 'some pods could not be removed'
  containers=$(podman ps --all --quiet --filter label=io.kubernetes.pod.uid 2>/dev/null || true)
  [ -z "$containers" ] || podman rm --force $containers >/dev/null 2>&1 || say 'some containers could not be removed'
  for network in $(podman network ls --quiet 2>/dev/null || true); do
    case "$network" in flotilla | flotilla-*) podman network rm --force "$network" >/dev/null 2>&1 || true ;; esac
  done
}

uninstall() {
  need_host
  systemctl disable "$UNIT" >/dev/null 2>&1 || true
  systemctl stop "$UNIT" 2>/dev/null || true
  remove_pods
  [ ! -e "$SETTINGS/installed-podman" ] || say 'podman was installed for this; it stays: remove it with the package manager'
  rm -rf "$HOME_DIR" "$HOME_DIR.new" "$HOME_DIR.old" "$SETTINGS" "$UNIT_FILE" /usr/bin/flotilla-agent
  rm -rf /run/flotilla
  [ "$keep" = yes ] || rm -rf "$DATA_DIR"
  systemctl daemon-reload
  say 'the agent is gone from this host; flotilla node retire takes its node out of the fleet'
}

main() {
  hub= token= name= labels= taints= proxy= from= keep=no act=install pin=$PIN
  while [ $# -gt 0 ]; do
    case "$1" in
      --uninstall) act=uninstall; shift; continue ;;
      --remove-pods) act=remove_pods; shift; continue ;;
      --keep-data) keep=yes; shift; continue ;;
      --help | -h) usage; exit 0 ;;
    esac
    [ $# -ge 2 ] || { usage >&2; exit 2; }
    case "$1" in
      --hub) hub=$2 ;;
      --token) token=$2 ;;
      --node-name) name=$2 ;;
      --node-labels) labels=$2 ;;
      --register-with-taints) taints=$2 ;;
      --proxy) proxy=$2 ;;
      --from) from=$2 ;;
      --pin) pin=$2 ;;
      *) usage >&2; exit 2 ;;
    esac
    shift 2
  done
  hub=$(printf '%s' "$hub" | sed 's|/*$||')
  "$act"
}

main "$@"
exit 0
}
`;
