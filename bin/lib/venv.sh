# shellcheck shell=bash
# Sourced by bin/run and bin/test from the checkout's root: makes and updates .venv.

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# The plain python3, or the one that PYTHON names, checked before anything is made with it.
find_python() {
  python=${PYTHON:-python3}
  command -v "$python" >/dev/null 2>&1 ||
    fail "Enterprise needs Python 3.11 to 3.13, and there is no $python here (Debian: sudo apt-get install python3 python3-venv)."
  local version
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || version="of an unknown version"
  case $version in
    3.11 | 3.12 | 3.13) ;;
    *) fail "Enterprise needs Python 3.11 to 3.13, and $python is $version: name another one, as in PYTHON=python3.12 $0." ;;
  esac
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make virtual environments: install its venv module (Debian: sudo apt-get install python$version-venv)."
}

# For commands that may install Debian packages: Debian keeps what makes virtual environments in one of its own.
install_venv_support() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && ! python3 -c 'import ensurepip' 2>/dev/null; then
    echo "installing Debian packages, missing on this machine: python3-venv" >&2
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y python3-venv; } >/dev/null 2>&1 || true
  fi
}

# ensure_venv FILE...: .venv holds what the requirements files say; does nothing, and asks no network, when it already does.
ensure_venv() {
  local stamp=.venv/installed-"${1##*/}" wanted
  wanted=$(cksum "$@")
  if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c 'import pip' 2>/dev/null; then
    return
  fi
  find_python
  # Of two runs that start at once, one installs and the other waits.
  mkdir -p var
  exec 9>var/venv.lock
  if command -v flock >/dev/null 2>&1; then flock 9; fi
  # Programs in a .venv name their interpreter in full: one that was moved or outlived its Python is made anew.
  if ! .venv/bin/pip --version >/dev/null 2>&1; then
    echo "Making .venv ..."
    rm -rf .venv
    "$python" -m venv .venv || fail "Could not make .venv: see above."
  fi
  if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    echo "Installing $1 ..."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r "$1" ||
      fail "Could not install $1: see above. The first start needs a package index; later ones need no network."
    printf '%s\n' "$wanted" >"$stamp"
  fi
  exec 9>&-
}
