#!/bin/bash
# Installs what building and testing qcc needs on Debian 12: packages, a Python environment, ONNX's C++ library.
# Safe to run again: each step is skipped when its result is there. Usage: setup.sh [--check]   (--check: say what is missing, change nothing)
#
# Everything that is not a system package goes to one cache folder outside the build tree:
#   QCC_CACHE (default: ~/.cache/qcc)   venv/   Python tools     onnx-<version>/   ONNX headers and static library
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${QCC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/qcc}
onnx_version=1.23.2
check=${1:-}
say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

missing_packages() {
  local name
  while read -r name _; do
    case $name in ''|'#'*) continue ;; esac
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || echo "$name"
  done < "$here/packages.txt"
}

install_packages() {
  local missing root=""
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  say "missing packages:" $missing
  [ -z "$check" ] || return 0
  command -v apt-get > /dev/null || die "no apt-get here: install the packages above by hand"
  [ "$(id -u)" = 0 ] || { command -v sudo > /dev/null || die "installing packages needs root or sudo"; root=sudo; }
  $root apt-get update -q >&2
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >&2
}

install_python() {
  local stamp=$cache/venv/.installed
  if [ -f "$stamp" ] && cmp -s "$stamp" "$here/requirements.txt"; then return 0; fi
  say "Python environment: $cache/venv"
  [ -z "$check" ] || return 0
  mkdir -p "$cache"
  /usr/bin/python3 -m venv --clear "$cache/venv"
  "$cache/venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$stamp"
}

build_onnx() {
  local prefix=$cache/onnx-$onnx_version
  [ ! -f "$prefix/.complete" ] || return 0
  say "ONNX $onnx_version C++ library: about 4 minutes on 2 cores, once, into $prefix"
  [ -z "$check" ] || return 0

  work=$(mktemp -d "$cache/onnx-build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  PATH=$cache/venv/bin:$PATH "$cache/venv/bin/pip" download -q --disable-pip-version-check --no-deps --no-build-isolation --no-binary onnx -d "$work" "onnx==$onnx_version" >&2
  tar xf "$work/onnx-$onnx_version.tar.gz" -C "$work"
  # Hidden visibility is left off: onnx's schema registry is filled by static constructors across files.
  "$cache/venv/bin/cmake" -S "$work/onnx-$onnx_version" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 -DCMAKE_CXX_FLAGS="-fPIC -O1" -DCMAKE_INSTALL_PREFIX="$prefix" \
    -DONNX_BUILD_PYTHON=OFF -DONNX_BUILD_TESTS=OFF -DONNX_USE_PROTOBUF_SHARED_LIBS=ON -DBUILD_SHARED_LIBS=OFF > "$work/log" 2>&1 \
    || { tail -30 "$work/log" >&2; die "ONNX did not configure"; }
  "$cache/venv/bin/cmake" --build "$work/build" --target install >> "$work/log" 2>&1 || { tail -30 "$work/log" >&2; die "ONNX did not build"; }
  touch "$prefix/.complete"
}

install_packages
install_python
build_onnx
[ -n "$check" ] || say "ready"
