# Words and times for the scripts of Ops/. Sourced, not run.

# now: seconds since 1970 with fractions, no process needed.
now() {
    printf '%s' "${EPOCHREALTIME/,/.}"
}

# elapsed START: seconds since START, one decimal.
elapsed() {
    awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'
}

# fail MESSAGE: one sentence on standard error, then the end.
fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

STEP_NUMBER=0
STEP_STARTED=
STEP_TITLE=

# step TITLE: ends the step before with its time, and begins the next.
step() {
    end_step
    STEP_NUMBER=$((STEP_NUMBER + 1))
    STEP_TITLE=$1
    STEP_STARTED=$(now)
    printf '\n==> %d. %s\n' "$STEP_NUMBER" "$STEP_TITLE"
}

end_step() {
    if [[ -n $STEP_TITLE ]]; then
        printf '    done in %s s\n' "$(elapsed "$STEP_STARTED")"
        STEP_TITLE=
    fi
}
