#!/usr/bin/env bash
# Installs what the tests need from the system, on Debian 12, and prints each step. Asks for nothing.
#   - mesa-vulkan-drivers from bookworm-backports: a software Vulkan device, so that WebGPU runs without a GPU
#     (the version in bookworm itself lacks a feature that Dawn needs)
#   - python3-torch, python3-torchvision, python3-venv: the Python side of the interoperability tests
#   - chromium: the browser that `npm run test:browser` drives
# Running it again changes nothing. Training and inference themselves need none of this.
set -euo pipefail

say() { printf '• %s\n' "$*" >&2; }

. /etc/os-release
if [ "${ID:-}" != debian ] || [ "${VERSION_CODENAME:-}" != bookworm ]; then
  say "This script knows Debian 12 (bookworm); this is ${PRETTY_NAME:-an unknown system}. Install by name:"
  say "  a Vulkan driver (Mesa lavapipe ≥ 25 without a GPU), libvulkan1, Python 3.11 with venv, PyTorch for /usr/bin/python3, Chromium"
  exit 0
fi

as_root=''
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { say 'Expected root or sudo to install packages. Received: neither. Fix: run as root.'; exit 1; }
  as_root=sudo
fi

installed() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -q '^installed$'; }
mesa_is_recent() { installed mesa-vulkan-drivers && dpkg --compare-versions "$(dpkg-query -W -f='${Version}' mesa-vulkan-drivers)" ge 25; }

wanted=()
for package in libvulkan1 python3-torch python3-torchvision python3-venv chromium; do installed "$package" || wanted+=("$package"); done
if [ ${#wanted[@]} -eq 0 ] && mesa_is_recent; then
  say 'System packages are there already.'
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive
if ! mesa_is_recent && ! grep -rqs 'bookworm-backports' /etc/apt/sources.list /etc/apt/sources.list.d; then
  say 'Adding the package source bookworm-backports'
  printf 'Types: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm-backports\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' |
    $as_root tee /etc/apt/sources.list.d/bookworm-backports.sources >/dev/null
fi
say 'Reading package lists'
$as_root apt-get update -qq >&2
if ! mesa_is_recent; then
  say 'Installing mesa-vulkan-drivers from bookworm-backports'
  $as_root apt-get install -y -qq --no-install-recommends -t bookworm-backports mesa-vulkan-drivers >&2
fi
if [ ${#wanted[@]} -gt 0 ]; then
  say "Installing ${wanted[*]}"
  $as_root apt-get install -y -qq --no-install-recommends "${wanted[@]}" >&2
fi
say 'System packages are ready.'
