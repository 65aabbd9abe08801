#!/usr/bin/env bash
# A real Kubernetes control plane on free loopback ports: kube-apiserver, etcd and the controllers that tests need.
#
#   controlplane.sh up DIR      builds it once (some minutes), starts it, writes DIR/kubeconfig and DIR/bin/kubectl
#   controlplane.sh down DIR    stops what `up` started
#
# KUBEBUILDER_ASSETS (the envtest convention) names a folder with kube-apiserver, etcd and kubectl to use instead;
# without a kube-controller-manager there, foreground deletion never ends.
# The built binary is kept in ${XDG_CACHE_HOME:-~/.cache}/zen-agent/controlplane, by the digest of this module.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's|^[[:space:]]*k8s.io/kubernetes \(v[0-9.]*\)$|\1|p' "$here/go.mod")
names=(etcd kube-apiserver kube-controller-manager kubectl)

die() {
  echo "controlplane.sh: $*" >&2
  exit 1
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

build() {
  local digest cache minor
  digest=$(cat "$here/go.mod" "$here/go.sum" "$here/main.go" | sha256sum | cut -c1-16)
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/zen-agent/controlplane/$digest
  if [ ! -x "$cache/controlplane" ]; then
    command -v go >/dev/null || die "needs Go to build the control plane, or KUBEBUILDER_ASSETS"
    mkdir -p "$cache"
    minor=$(echo "$version" | cut -d. -f2)
    local pkg=k8s.io/component-base/version
    (cd "$here" && CGO_ENABLED=0 go build -trimpath \
      -ldflags "-s -w -X $pkg.gitVersion=$version -X $pkg.gitMajor=1 -X $pkg.gitMinor=$minor" -o "$cache/controlplane.tmp" .)
    mv "$cache/controlplane.tmp" "$cache/controlplane"
  fi
  echo "$cache/controlplane"
}

wait_for() {
  for _ in $(seq 300); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  return 1
}

certificates() {
  cd "$1"
  openssl ecparam -name prime256v1 -genkey -noout -out ca.key
  openssl req -x509 -new -key ca.key -subj /CN=test-ca -days 30 -out ca.crt
  openssl genrsa -out service-account.key 2048
  openssl ecparam -name prime256v1 -genkey -noout -out admin.key
  openssl req -new -key admin.key -subj /O=system:masters/CN=admin -out admin.csr
  # With an extension, or openssl writes a certificate of version 1, which Rust's TLS refuses.
  printf 'extendedKeyUsage=clientAuth\n' >admin.ext
  openssl x509 -req -in admin.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile admin.ext -days 30 -out admin.crt
} >/dev/null 2>&1

up() {
  local dir=$1 binary etcd_port peer_port api_port
  mkdir -p "$dir/bin" "$dir/certs" "$dir/log"
  dir=$(cd "$dir" && pwd)
  [ ! -s "$dir/pids" ] || die "$dir is up already"
  if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
    for name in "${names[@]}"; do
      [ ! -x "$KUBEBUILDER_ASSETS/$name" ] || ln -sf "$KUBEBUILDER_ASSETS/$name" "$dir/bin/$name"
    done
  else
    binary=$(build)
    for name in "${names[@]}"; do ln -sf "$binary" "$dir/bin/$name"; done
  fi
  (certificates "$dir/certs")
  etcd_port=$(free_port) peer_port=$(free_port) api_port=$(free_port)
  local etcd=http://127.0.0.1:$etcd_port peer=http://127.0.0.1:$peer_port
  "$dir/bin/etcd" --data-dir "$dir/etcd" --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" \
    --unsafe-no-fsync >"$dir/log/etcd" 2>&1 &
  echo $! >>"$dir/pids"
  "$dir/bin/kube-apiserver" --etcd-servers "$etcd" --cert-dir "$dir/apiserver" --secure-port "$api_port" \
    --bind-address=127.0.0.1 --service-account-issuer=https://localhost \
    --service-account-key-file "$dir/certs/service-account.key" --service-account-signing-key-file "$dir/certs/service-account.key" \
    --client-ca-file "$dir/certs/ca.crt" --authorization-mode=RBAC --service-cluster-ip-range=10.0.0.0/24 \
    --disable-admission-plugins=ServiceAccount --allow-privileged=true >"$dir/log/kube-apiserver" 2>&1 &
  echo $! >>"$dir/pids"
  local kubectl=("$dir/bin/kubectl" --kubeconfig "$dir/kubeconfig")
  # The server's certificate is self-signed, made at its first start.
  wait_for test -s "$dir/apiserver/apiserver.crt" || { down "$dir"; die "kube-apiserver did not start; see $dir/log"; }
  "${kubectl[@]}" config set-cluster test --server "https://127.0.0.1:$api_port" --certificate-authority "$dir/apiserver/apiserver.crt" --embed-certs >/dev/null
  "${kubectl[@]}" config set-credentials admin --client-certificate "$dir/certs/admin.crt" --client-key "$dir/certs/admin.key" --embed-certs >/dev/null
  "${kubectl[@]}" config set-context test --cluster test --user admin >/dev/null
  "${kubectl[@]}" config use-context test >/dev/null
  wait_for "${kubectl[@]}" get --raw /readyz || { down "$dir"; die "kube-apiserver is not ready; see $dir/log"; }
  if [ -x "$dir/bin/kube-controller-manager" ]; then
    "$dir/bin/kube-controller-manager" --kubeconfig "$dir/kubeconfig" --leader-elect=false --secure-port=0 \
      --controllers=garbage-collector-controller,namespace-controller \
      >"$dir/log/kube-controller-manager" 2>&1 &
    echo $! >>"$dir/pids"
  fi
  echo "$dir/kubeconfig"
}

down() {
  local dir=$1 pid
  [ -s "$dir/pids" ] || return 0
  # Last started, first stopped.
  for pid in $(tac "$dir/pids"); do
    kill "$pid" 2>/dev/null || true
  done
  for pid in $(tac "$dir/pids"); do
    wait_for sh -c "! kill -0 $pid" || kill -9 "$pid" 2>/dev/null || true
  done
  rm -f "$dir/pids"
}

case "${1:-}" in
  up | down) [ $# -eq 2 ] || die "usage: controlplane.sh up|down DIR" ;;
  *) die "usage: controlplane.sh up|down DIR" ;;
esac
"$1" "$2"
