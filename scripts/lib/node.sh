# shellcheck shell=bash
# Node: the machine's, or one from a wheel; then the npm trees from their lock files, and the page.

node_is_new_enough() {
  command -v npm >/dev/null && command -v node >/dev/null &&
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 13) ? 0 : 1)' \
      >/dev/null 2>&1
}

# Puts a Node ≥ 22.13 with its npm on PATH.
ensure_node() {
  local inputs
  if node_is_new_enough; then return; fi
  inputs=$(digest "$ROOT/uv.lock")
  if ! is_fresh "$TOOLS/node/stamp" "$inputs" || ! "$TOOLS/node/bin/node" --version >/dev/null 2>&1; then
    find_python
    ensure_uv
    say "No Node 22.13 or newer on this machine: installing one into .tools/node …"
    uv_sync "$TOOLS/node" --only-group node --no-build
    mark_fresh "$TOOLS/node/stamp" "$inputs"
  fi
  PATH=$TOOLS/node/bin:$PATH
  hash -r
  node_is_new_enough || die "The Node in .tools/node does not run on this machine." \
    "Install Node 22.13 or newer with npm from your system or https://nodejs.org, and start again."
}

# ensure_npm DIRECTORY: node_modules exactly as package-lock.json says; packages' install scripts do not run.
ensure_npm() {
  local directory=$1 inputs name
  inputs=$(digest "$directory/package.json" "$directory/package-lock.json")
  if is_fresh "$directory/node_modules/.stamp" "$inputs"; then return; fi
  ensure_node
  name=${directory#"$ROOT"}
  say "Installing the npm packages of .$name/package-lock.json …"
  (cd "$directory" && quietly "npm-$(basename "$directory")" npm ci --ignore-scripts --no-audit --no-fund)
  mark_fresh "$directory/node_modules/.stamp" "$inputs"
}

page_inputs() {
  (
    cd "$ROOT/verifier_web" || exit
    # shellcheck disable=SC2086 # HASH is a command with its option
    # Everything that can change the built page: its sources, settings and lock file, not what is made from them.
    find . \( -name node_modules -o -name dist -o -name coverage -o -name '.*' ! -name . \) -prune -o -type f -print0 |
      xargs -0 $HASH | LC_ALL=C sort | $HASH | cut -c1-64
  )
}

# ensure_page: the page of the QR code, built into anchor_service/page.
ensure_page() {
  local inputs
  inputs=$(page_inputs)
  if [ -f "$ROOT/anchor_service/page/index.html" ] && is_fresh "$TOOLS/page.stamp" "$inputs"; then return; fi
  ensure_npm "$ROOT/verifier_web"
  ensure_node
  say "Building the page …"
  (cd "$ROOT/verifier_web" && quietly page npm run build)
  [ -f "$ROOT/anchor_service/page/index.html" ] || die "The build left no anchor_service/page/index.html"
  mark_fresh "$TOOLS/page.stamp" "$inputs"
}
