#!/usr/bin/env bash
# A real Kubernetes control plane on free loopback ports: kube-apiserver, etcd and the controllers that tests need.
#
#   controlplane.sh up DIR [CONTROLLER…]     builds it once (some minutes), starts it, writes DIR/kubeconfig and DIR/bin/kubectl;
#                                            controllers beside the garbage collector's and the namespaces', as deployment-controller
#   controlplane.sh down DIR                 ends what `up` started; the data stays, and the next `up` goes on with it
#   controlplane.sh stop|start DIR NAME      kill -9 of etcd, kube-apiserver or kube-controller-manager; starts it with its port and data
#   controlplane.sh pause|resume DIR NAME    freezes it, so that its connections stand and nothing answers; lets it go on
#   controlplane.sh forget DIR               makes etcd forget all history, as it does by itself after five minutes: what continue
#                                            tokens and watches begin at is gone; kube-apiserver, which remembers some, is restarted
#   controlplane.sh user DIR NAME [GROUP…]   writes and prints the kubeconfig of another user
#   controlplane.sh hold [CONTROLLER…]       `up` in a new folder, whose name it prints; once standard input ends, `down`, and the folder goes
#
# KUBEBUILDER_ASSETS (the envtest convention) names a folder with kube-apiserver, etcd and kubectl to use instead;
# without a kube-controller-manager there, foreground deletion never ends.
# The built binary is kept in ${XDG_CACHE_HOME:-~/.cache}/zen-agent/controlplane, by the digest of this module.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's|^[[:space:]]*k8s.io/kubernetes \(v[0-9.]*\)$|\1|p' "$here/go.mod")
names=(etcd kube-apiserver kube-controller-manager kubectl)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/zen-agent/controlplane

die() {
  echo "controlplane.sh: $*" >&2
  exit 1
}

# Outside of the range that outgoing connections take their ports from, so that a server that is stopped finds its port free.
free_ports() {
  python3 - "$1" <<'PYTHON'
import contextlib, random, socket, sys
found = []
# All are held until all are found, or one would be found twice.
with contextlib.ExitStack() as held:
    while len(found) < int(sys.argv[1]):
        port = random.randrange(20000, 32768)
        try:
            held.enter_context(socket.socket()).bind(("127.0.0.1", port))
        except OSError:
            continue
        found.append(port)
print(*found)
PYTHON
}

build() {
  local digest binary flags pkg=k8s.io/component-base/version
  # Or kubectl complains about the server's version.
  flags="-s -w -X $pkg.gitVersion=$version -X $pkg.gitMajor=1 -X $pkg.gitMinor=$(echo "$version" | cut -d. -f2)"
  digest=$(cat "$here/go.mod" "$here/go.sum" "$here/main.go" - <<<"$flags" | sha256sum | cut -c1-16)
  binary=$cache/$digest/controlplane
  if [ ! -x "$binary" ]; then
    command -v go >/dev/null || die "building the control plane needs Go (https://go.dev/dl); or name a folder with a built one in KUBEBUILDER_ASSETS"
    echo "controlplane.sh: building Kubernetes $version, once; this takes some minutes" >&2
    mkdir -p "$cache/$digest"
    (cd "$here" && CGO_ENABLED=0 go build -trimpath -ldflags "$flags" -o "$binary.tmp" .) >&2
    mv "$binary.tmp" "$binary"
  fi
  echo "$binary"
}

programs() {
  local dir=$1 binary name
  if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
    for name in etcd kube-apiserver kubectl; do
      [ -x "$KUBEBUILDER_ASSETS/$name" ] || die "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS has no $name"
    done
    for name in "${names[@]}"; do
      [ ! -x "$KUBEBUILDER_ASSETS/$name" ] || ln -sf "$KUBEBUILDER_ASSETS/$name" "$dir/bin/$name"
    done
  else
    binary=$(build)
    for name in "${names[@]}"; do ln -sf "$binary" "$dir/bin/$name"; done
  fi
}

# A client certificate: NAME, SUBJECT.
certificate() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  # With an extension, or openssl writes a certificate of version 1, which Rust's TLS refuses.
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -set_serial "0x$(openssl rand -hex 8)" \
    -extfile <(echo extendedKeyUsage=clientAuth) -days 30 -out "$1.crt"
} >/dev/null 2>&1

authority() {
  openssl ecparam -name prime256v1 -genkey -noout -out ca.key
  openssl req -x509 -new -key ca.key -subj /CN=test-ca -days 30 -out ca.crt
  openssl genrsa -out service-account.key 2048
} >/dev/null 2>&1

# The kubeconfig of the holder of DIR/certs/NAME.crt.
kubeconfig() {
  local dir=$1 name=$2
  cat <<YAML
apiVersion: v1
kind: Config
current-context: test
contexts: [{ name: test, context: { cluster: test, user: $name } }]
clusters: [{ name: test, cluster: { server: "https://127.0.0.1:$(port "$dir" kube-apiserver)", certificate-authority-data: $(base64 -w0 "$dir/apiserver/apiserver.crt") } }]
users: [{ name: $name, user: { client-certificate-data: $(base64 -w0 "$dir/certs/$name.crt"), client-key-data: $(base64 -w0 "$dir/certs/$name.key") } }]
YAML
}

port() { sed -n "s/^$2=//p" "$1/ports"; }

# Whether the process is there, and is the one that was started here.
running() { grep -qzF -- "$1/" "/proc/$(cat "$1/pid/$2" 2>/dev/null || echo none)/cmdline" 2>/dev/null; }
ended() { ! running "$1" "$2"; }

# Whether nothing is left of a process, its sockets included: it is away, or a zombie whose threads are.
gone() { [ ! -e "/proc/$1" ] || { grep -q '^State:.Z' "/proc/$1/status" && [ "$(ls "/proc/$1/task")" = "$1" ]; } 2>/dev/null; }

# The certificate is made by the API server itself, at its first start.
written() { [ -s "$1/apiserver/apiserver.crt" ]; }
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$(port "$1" "$2")") 2>/dev/null; }
ready() { "$1/bin/kubectl" --kubeconfig "$1/kubeconfig" --request-timeout 5s get --raw /readyz >/dev/null 2>&1; }

wait_until() {
  local deadline=$((SECONDS + 120))
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# Waits for a condition on a program, which must go on running.
wait_for() {
  local condition=$1 dir=$2 name=$3
  wait_until came_or_ended "$condition" "$dir" "$name" || true
  "$condition" "$dir" "$name" || die "$name does not come up: $(tail -n 5 "$dir/log/$name")"
}
# By its id: a process that is about to become the program is not it yet.
came_or_ended() { "$1" "$2" "$3" || gone "$(cat "$2/pid/$3")"; }

launch() {
  local dir=$1 name=$2
  shift 2
  # Memory is there, and processors are what tests wait for.
  GOGC=400 "$dir/bin/$name" "$@" </dev/null >>"$dir/log/$name" 2>&1 9>&- &
  echo $! >"$dir/pid/$name"
  # Or the shell would announce that it was killed.
  disown
}

start() {
  local dir=$1 name=$2 etcd peer
  running "$dir" "$name" && die "$name is running in $dir already"
  etcd=http://127.0.0.1:$(port "$dir" etcd) peer=http://127.0.0.1:$(port "$dir" peer)
  case "$name" in
    etcd)
      # Killed it loses nothing; only a crash of the machine would.
      launch "$dir" etcd --data-dir "$dir/etcd" --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
        --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" --unsafe-no-fsync
      wait_for listening "$dir" etcd
      ;;
    kube-apiserver)
      launch "$dir" kube-apiserver --etcd-servers "$etcd" --cert-dir "$dir/apiserver" --secure-port "$(port "$dir" kube-apiserver)" \
        --bind-address=127.0.0.1 --service-account-issuer=https://localhost \
        --service-account-key-file "$dir/certs/service-account.key" --service-account-signing-key-file "$dir/certs/service-account.key" \
        --client-ca-file "$dir/certs/ca.crt" --authorization-mode=RBAC --service-cluster-ip-range=10.0.0.0/24 \
        --disable-admission-plugins=ServiceAccount --allow-privileged=true
      wait_for written "$dir" kube-apiserver
      kubeconfig "$dir" admin >"$dir/kubeconfig"
      wait_for ready "$dir" kube-apiserver
      ;;
    kube-controller-manager)
      launch "$dir" kube-controller-manager --kubeconfig "$dir/kubeconfig" --leader-elect=false \
        --secure-port "$(port "$dir" kube-controller-manager)" --bind-address=127.0.0.1 --kube-api-qps=1000 --kube-api-burst=1000 --controllers="$(cat "$dir/controllers")"
      wait_for listening "$dir" kube-controller-manager
      ;;
    *) die "no such program: $name" ;;
  esac
}

stop() {
  local dir=$1 name=$2 pid
  ended "$dir" "$name" && return
  pid=$(cat "$dir/pid/$name")
  kill -9 "$pid"
  wait_until gone "$pid" || die "$name does not end"
  rm "$dir/pid/$name"
}

pause() { kill -STOP "$(cat "$1/pid/$2")"; }
resume() { kill -CONT "$(cat "$1/pid/$2")"; }

up() {
  local dir=$1 name ports
  shift
  mkdir -p "$dir"/{bin,certs,log,pid} "$cache"
  dir=$(cd "$dir" && pwd)
  for name in "${names[@]}"; do
    ended "$dir" "$name" || die "$dir is up already"
  done
  # One at a time: it is built once, and the ports that are free stay so until they are taken.
  exec 9>"$cache/lock"
  flock 9
  programs "$dir"
  if [ ! -s "$dir/ports" ]; then
    (cd "$dir/certs" && authority && certificate admin /O=system:masters/CN=admin)
    read -ra ports < <(free_ports 4)
    printf '%s\n' "etcd=${ports[0]}" "peer=${ports[1]}" "kube-apiserver=${ports[2]}" "kube-controller-manager=${ports[3]}" >"$dir/ports"
  fi
  (IFS=,; echo "garbage-collector-controller,namespace-controller${*:+,$*}") >"$dir/controllers"
  start "$dir" etcd
  start "$dir" kube-apiserver
  [ ! -x "$dir/bin/kube-controller-manager" ] || start "$dir" kube-controller-manager
  exec 9>&-
}

down() {
  local name
  for name in kube-controller-manager kube-apiserver etcd; do stop "$1" "$name"; done
}

forget() {
  stop "$1" kube-apiserver
  python3 - "$(port "$1" etcd)" <<'PYTHON'
import json, sys, urllib.request
def call(path, **body):
    request = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/v3/{path}", json.dumps(body).encode())
    return json.load(urllib.request.urlopen(request, timeout=30))
# "Zm9yZ2V0" is base64 of "forget", a key that nobody reads: with it the latest version is later than any that was handed out.
call("kv/compaction", revision=call("kv/put", key="Zm9yZ2V0")["header"]["revision"], physical=True)
PYTHON
  start "$1" kube-apiserver
}

user() {
  local dir=$1 name=$2 group subject=''
  for group in "${@:3}"; do subject+=/O=$group; done
  (cd "$dir/certs" && certificate "$name" "$subject/CN=$name")
  kubeconfig "$dir" "$name" >"$dir/certs/$name.kubeconfig"
  echo "$dir/certs/$name.kubeconfig"
}

hold() {
  held=$(mktemp -d -t zen-agent-controlplane.XXXXXX)
  trap 'down "$held"; rm -rf "$held"' EXIT
  up "$held" "$@"
  echo "$held"
  while read -r _; do :; done
}

usage() {
  sed -n 's/^#   //p' "$0" >&2
  exit 2
}

# Names every file from the root, as the command lines of what runs here do.
absolute() { cd "$1" && pwd; }

command=${1:-}
[ $# -eq 0 ] || shift
case "$command" in
  up)
    [ $# -ge 1 ] || usage
    up "$@"
    echo "$(absolute "$1")/kubeconfig"
    ;;
  down)
    [ $# -eq 1 ] || usage
    down "$(absolute "$1")"
    ;;
  stop | start | pause | resume)
    [ $# -eq 2 ] || usage
    "$command" "$(absolute "$1")" "$2"
    ;;
  forget)
    [ $# -eq 1 ] || usage
    forget "$(absolute "$1")"
    ;;
  user)
    [ $# -ge 2 ] || usage
    user "$(absolute "$1")" "${@:2}"
    ;;
  hold) hold "$@" ;;
  *) usage ;;
esac
