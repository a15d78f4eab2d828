# shellcheck shell=bash
# A real browser for the page's tests: exports SEALTRAIL_CHROMIUM, or says what to install.

browser_runs() { [ -n "$1" ] && "$1" --version >/dev/null 2>&1; }

machine_browser() {
  local name found
  for name in chromium chromium-browser google-chrome google-chrome-stable chrome \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" "/Applications/Chromium.app/Contents/MacOS/Chromium"; do
    found=$(command -v "$name" 2>/dev/null) || continue
    if browser_runs "$found"; then
      printf '%s\n' "$found"
      return
    fi
  done
  return 1
}

playwright_browser() {
  local found
  found=$("$VENV/bin/python" "$ROOT/scripts/lib/playwright_path.py" 2>/dev/null) && browser_runs "$found" && printf '%s\n' "$found"
}

ensure_browser() {
  if browser_runs "${SEALTRAIL_CHROMIUM:-}"; then
    export SEALTRAIL_CHROMIUM
    return
  fi
  if SEALTRAIL_CHROMIUM=$(machine_browser || playwright_browser); then
    export SEALTRAIL_CHROMIUM
    return
  fi
  say "No Chromium or Chrome on this machine: trying playwright install chromium …"
  mkdir -p "$LOGS"
  "$VENV/bin/python" -m playwright install chromium >"$LOGS/playwright.log" 2>&1 </dev/null || true
  if SEALTRAIL_CHROMIUM=$(playwright_browser); then
    export SEALTRAIL_CHROMIUM
    return
  fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "That gave none. As root: apt-get install -y --no-install-recommends chromium (this changes the system) …"
    {
      apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium
    } >"$LOGS/apt-chromium.log" 2>&1 </dev/null || true
    if SEALTRAIL_CHROMIUM=$(machine_browser); then
      export SEALTRAIL_CHROMIUM
      return
    fi
  fi
  die "The page is tested in a real browser, and none was found or could be installed. Install one and run again:" \
    "    sudo apt install chromium      (macOS: brew install --cask chromium)" \
    "Or name one: SEALTRAIL_CHROMIUM=/path/to/chromium. What was tried is in $LOGS/playwright.log"
}
