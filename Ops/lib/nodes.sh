# Starting and stopping nodes on loopback. Sourced, not run; needs output.sh and the variable QUIRE, the binary.
#
# A node lives in one directory, its home:
#
#   HOME/data   what the node stores        HOME/pid    its process id
#   HOME/log    what it logs                HOME/base   its proxy port; peer = base + 2, HTTP = base + 3

# port_is_free PORT
port_is_free() {
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# base_is_free BASE: the three ports of a node.
base_is_free() {
    port_is_free "$1" && port_is_free "$(($1 + 2))" && port_is_free "$(($1 + 3))"
}

# find_base PREFERRED: prints the first base from there, in steps of 10, whose ports are free.
find_base() {
    local base
    for ((base = $1; base < $1 + 1000 && base < 65500; base += 10)); do
        if base_is_free "$base"; then
            if ((base != $1)); then
                printf '    ports %d, %d, %d are busy, so %d, %d, %d are used\n' \
                    "$1" "$(($1 + 2))" "$(($1 + 3))" "$base" "$((base + 2))" "$((base + 3))" >&2
            fi
            printf '%s' "$base"
            return 0
        fi
    done
    printf 'no three free ports between %d and %d: stop what listens there\n' "$1" "$base" >&2
    return 1
}

# start_node HOME NAME ZONE BASE KEYFILE [FLAG...]: in a session of its own, so that it outlives the terminal.
start_node() {
    local home=$1
    mkdir -p "$home"
    printf '%s\n' "$4" >"$home/base"
    setsid "$QUIRE" node start --data "$home/data" --name "$2" --zone "$3" \
        --proxy-port "$4" --peer-port "$(($4 + 2))" --http-port "$(($4 + 3))" \
        --cluster-key-file "$5" "${@:6}" >>"$home/log" 2>&1 </dev/null &
    printf '%s\n' "$!" >"$home/pid"
}

# node_is_running HOME
node_is_running() {
    local pid
    [[ -s $1/pid ]] || return 1
    read -r pid <"$1/pid"
    # A process id may have been given to something else since.
    [[ -r /proc/$pid/cmdline ]] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "--data $1/data"
}

# stop_node HOME: asks it to end, waits, and kills it only after 30 seconds.
stop_node() {
    local pid waited=0
    node_is_running "$1" || return 0
    read -r pid <"$1/pid"
    kill -TERM "$pid" 2>/dev/null || true
    while node_is_running "$1"; do
        if ((waited++ >= 300)); then
            printf '    %s did not stop within 30 s and is killed\n' "$1" >&2
            kill -KILL "$pid" 2>/dev/null || true
            break
        fi
        sleep 0.1
    done
    rm -f "$1/pid"
}

# node_http HOME, node_proxy HOME, node_peer HOME: its addresses.
node_http() {
    local base
    read -r base <"$1/base"
    printf 'http://127.0.0.1:%d' "$((base + 3))"
}

node_proxy() {
    local base
    read -r base <"$1/base"
    printf '127.0.0.1:%d' "$base"
}

node_peer() {
    local base
    read -r base <"$1/base"
    printf '127.0.0.1:%d' "$((base + 2))"
}

# wait_for_node HOME: until it answers over HTTP, at most 30 seconds.
wait_for_node() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        if "$QUIRE" cluster status --node "$(node_http "$1")" >/dev/null 2>&1; then return 0; fi
        if ! node_is_running "$1"; then
            printf 'the node in %s ended; its last words:\n' "$1" >&2
            tail -n 3 "$1/log" >&2 || true
            return 1
        fi
        sleep 0.1
    done
    printf 'the node in %s does not answer at %s; see %s/log\n' "$1" "$(node_http "$1")" "$1" >&2
    return 1
}

# wait_for_cluster HOME: until this member sees every member up, at most 30 seconds.
wait_for_cluster() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        if "$QUIRE" cluster status --check --node "$(node_http "$1")" >/dev/null 2>&1; then return 0; fi
        sleep 0.3
    done
    "$QUIRE" cluster status --check --node "$(node_http "$1")" >&2 || true
    return 1
}
