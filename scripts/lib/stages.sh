# shellcheck shell=bash
# Runs functions as stages: every one, even after a failure, with a table at the end.

# run_stages "NAME ...": fails if any failed. The last line of all reads "N passed, M failed".
run_stages() {
  local name began code passed=0 failed=0 table="" word
  for name in $1; do
    printf '\n── %s %s\n' "$name" "────────────────────────────────────────"
    began=$SECONDS
    # In a shell of its own: a stage changes nothing for the next one.
    code=0
    ("$name") || code=$?
    if [ "$code" -eq 0 ]; then
      word=passed
      passed=$((passed + 1))
    else
      word="FAILED ($code)"
      failed=$((failed + 1))
    fi
    table+=$(printf '  %-12s %-14s %4d s' "$name" "$word" $((SECONDS - began)))$'\n'
  done
  printf '\n── summary ──\n%s\n%s passed, %s failed\n' "$table" "$passed" "$failed"
  [ "$failed" -eq 0 ]
}
