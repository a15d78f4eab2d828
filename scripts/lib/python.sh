# shellcheck shell=bash
# Python: finds an interpreter, and makes .venv from uv.lock with a uv of our own.

# Sets PYTHON to an interpreter ≥ 3.11 that can make environments, or says what to install.
find_python() {
  local name found without_venv=""
  for name in ${SEALTRAIL_PYTHON:+"$SEALTRAIL_PYTHON"} python3 python3.13 python3.12 python3.11 python3.14; do
    # The interpreter behind a wrapper or an environment: ours must not depend on another environment's life.
    found=$("$name" -c 'import sys; sys.version_info >= (3, 11) and print(getattr(sys, "_base_executable", sys.executable))' \
      2>/dev/null) && [ -n "$found" ] || continue
    if "$name" -c 'import venv, ensurepip' 2>/dev/null; then
      PYTHON=$found
      return
    fi
    without_venv=$name
  done
  if [ -n "$without_venv" ]; then
    die "$without_venv is here, but cannot make environments: its ensurepip is missing. Install it and start again:" \
      "    sudo apt install python3-venv"
  fi
  die "Python 3.11 or newer is needed and was not found. Install it and start again:" \
    "    sudo apt install python3 python3-venv      (macOS: brew install python@3.13)"
}

# Sets UV to the pinned uv, installed by hash into an environment of its own.
ensure_uv() {
  local inputs
  UV=$TOOLS/uv/bin/uv
  export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
  inputs=$(digest "$ROOT/scripts/lib/uv.txt")
  if is_fresh "$TOOLS/uv/stamp" "$inputs" && "$UV" --version >/dev/null 2>&1; then return; fi
  say "Installing uv into .tools/uv …"
  rm -rf "$TOOLS/uv"
  quietly uv-venv "$PYTHON" -m venv "$TOOLS/uv"
  quietly uv-install "$TOOLS/uv/bin/python" -m pip install --disable-pip-version-check --no-deps --only-binary :all: \
    --require-hashes -r "$ROOT/scripts/lib/uv.txt"
  mark_fresh "$TOOLS/uv/stamp" "$inputs"
}

# uv_sync DIRECTORY ARGUMENTS...: makes the environment hold exactly what uv.lock says for these arguments.
uv_sync() {
  local directory=$1
  shift
  UV_PROJECT_ENVIRONMENT=$directory quietly "sync-$(basename "$directory")" \
    "$UV" sync --project "$ROOT" --python "${SYNC_PYTHON:-$PYTHON}" --frozen "$@"
}

# ensure_venv service|dev: .venv with the service (wheels only), or with tests and lint as well.
ensure_venv() {
  local inputs
  inputs=$(digest "$ROOT/pyproject.toml" "$ROOT/uv.lock")
  if [ -x "$VENV/bin/sealtrail" ] && "$VENV/bin/python" -c '' 2>/dev/null; then
    # What is installed for tests serves the service too.
    if is_fresh "$VENV/stamp" "dev $inputs" || is_fresh "$VENV/stamp" "$1 $inputs"; then return; fi
  fi
  # Once an environment for tests, always one: start does not take the tests' packages out again.
  case $(cat "$VENV/stamp" 2>/dev/null) in dev*) set -- dev ;; esac
  find_python
  ensure_uv
  rm -f "$VENV/stamp"
  say "Installing the Python packages of uv.lock into .venv …"
  # The project itself is linked into .venv by its own build tool, which uv.lock pins as well.
  set -- "$1" --extra service --group build --no-build-isolation-package sealtrail
  if [ "$1" = dev ]; then
    uv_sync "$VENV" "${@:2}" --group test --group lint
  elif [ "$(uname)" = Darwin ]; then
    uv_sync "$VENV" "${@:2}" # safe-pysha3 has no wheel for every Mac
  else
    uv_sync "$VENV" "${@:2}" --no-build
  fi
  mark_fresh "$VENV/stamp" "$1 $inputs"
}
