#!/usr/bin/env bash
# Prints the command of a server that tests start, and installs it first when it is missing:
#   azurite    Microsoft's emulator of Azure Blob Storage (npm, 365 MB, a minute): checks SAS tokens as Azure does
#   toxiproxy  Shopify's proxy that breaks connections as told (built by Go, a minute)
#   all        prints nothing: has azurite, toxiproxy (where Go is) and SeaweedFS (scripts/python.sh) ready for the tests
#   uc-server  a Unity Catalog server (built by Rust, 12 minutes); --no-build: prints nothing when it isn't there
# Kept below ~/.cache/ocelli, or below OCELLI_SERVERS, for the next run; none of them belongs to the package.
set -euo pipefail

root=${OCELLI_SERVERS:-${XDG_CACHE_HOME:-$HOME/.cache}/ocelli}
mkdir -p "$root"

# One at a time for each of them; the other waits and finds it there.
once() {
  exec 9>"$root/.$1.lock"
  flock 9
}

need() {
  command -v "$1" >/dev/null 2>&1 || {
    echo "Expected $2. Received: no $1 on the PATH. Fix: $3" >&2
    exit 1
  }
}

case ${1:-} in
all)
  # Before the tests and not in them: a first installation takes longer than a test may.
  bash "$0" azurite >/dev/null
  bash "$0" toxiproxy >/dev/null || true
  bash "$(dirname "$0")/python.sh" servers >/dev/null
  exit 0
  ;;
azurite)
  folder=$root/azurite-3.37.0
  binary=$folder/node_modules/.bin/azurite-blob
  if [ ! -f "$folder/.whole" ]; then
    once azurite
    if [ ! -f "$folder/.whole" ]; then
      echo '• Installing azurite 3.37.0 (365 MB)' >&2
      rm -rf "$folder"
      mkdir -p "$folder"
      (cd "$folder" && npm install --no-audit --no-fund --ignore-scripts --prefix . azurite@3.37.0 >&2)
      touch "$folder/.whole"
    fi
  fi
  ;;
toxiproxy)
  binary=$root/toxiproxy-2.12.0/server
  if [ ! -x "$binary" ]; then
    once toxiproxy
    if [ ! -x "$binary" ]; then
      need go 'Go to build toxiproxy' 'https://go.dev/dl'
      echo '• Building toxiproxy 2.12.0' >&2
      GOBIN=$root/toxiproxy-2.12.0 go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0 >&2 || {
        echo "Expected a Go that builds toxiproxy 2.12.0. Received: $(go version). Fix: a newer one, https://go.dev/dl" >&2
        exit 1
      }
    fi
  fi
  ;;
uc-server)
  binary=$root/uc-server-0.0.11/bin/uc-server
  if [ ! -x "$binary" ]; then
    if [ "${2:-}" = --no-build ]; then exit 0; fi
    once uc-server
    if [ ! -x "$binary" ]; then
      need cargo 'Rust to build uc-server' 'https://rustup.rs'
      echo '• Building uc-server 0.0.11 (12 minutes on two cores)' >&2
      # A build that was interrupted goes on where it was.
      CARGO_TARGET_DIR=$root/uc-server-target cargo install olai-uc-server --version 0.0.11 \
        --features bin --locked --root "$root/uc-server-0.0.11" >&2
      rm -rf "$root/uc-server-target"
    fi
  fi
  ;;
*)
  echo "Expected azurite, toxiproxy, uc-server or all. Received: ${1:-nothing}. Fix: bash scripts/servers.sh azurite" >&2
  exit 2
  ;;
esac
printf '%s\n' "$binary"
