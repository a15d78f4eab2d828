# shellcheck shell=bash
# Shared by the scripts beside it: where things are, how they talk, and how a step is skipped when nothing changed.
# Sourced, never run. Everything made lies in .venv, .tools and node_modules of this checkout.

# shellcheck disable=SC2034 # for those who source this
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
TOOLS=$ROOT/.tools
# shellcheck disable=SC2034
VENV=$ROOT/.venv
LOGS=$TOOLS/logs

# Another environment's settings must not leak into ours.
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME UV_PROJECT UV_PROJECT_ENVIRONMENT UV_WORKING_DIR UV_NO_DEV UV_DEV

# The machine's own certificates, where it has a store: behind a company's proxy the built-in ones are not enough.
for store in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
  if [ -s "$store" ]; then
    export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}" NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$store}"
    break
  fi
done
unset store

say() { printf '%s\n' "$*"; }

die() {
  printf '\n' >&2
  printf '%s\n' "$@" >&2
  exit 1
}

# quietly NAME COMMAND...: runs it with its output in a log, which is shown only if it fails.
quietly() {
  local name=$1 log
  shift
  log=$LOGS/$name.log
  mkdir -p "$LOGS"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    die "This step failed: $*" "Its whole output is in $log"
  fi
}

if command -v sha256sum >/dev/null; then HASH="sha256sum"; else HASH="shasum -a 256"; fi

# digest FILE...: one hash over the names and bytes of these files.
digest() { $HASH -- "$@" | $HASH | cut -c1-64; }

# is_fresh STAMP VALUE / mark_fresh STAMP VALUE: whether the step that wrote the stamp saw the same inputs.
is_fresh() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }
mark_fresh() {
  mkdir -p "$(dirname "$1")"
  printf '%s\n' "$2" >"$1"
}

# Two scripts started at once set up one after the other (where the machine has flock).
begin_setup() {
  mkdir -p "$TOOLS"
  exec 9>"$TOOLS/setup.lock"
  if command -v flock >/dev/null && ! flock -n 9; then
    say "Waiting for another set-up in this checkout …"
    flock 9
  fi
}
end_setup() { exec 9>&-; }
