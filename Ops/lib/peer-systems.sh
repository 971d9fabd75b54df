# Starting and stopping Quire and the systems that it is compared with, on loopback. Sourced, not run; needs output.sh,
# nodes.sh, and these variables: QUIRE, the binary; PROGRAMS, a directory for programs that the machine does not have;
# FIRST_PORT, the first port to try.
#
# A system lives in one directory, and each of its processes in a directory there, with its data, its log, and its
# process id in the file pid (Quire, see nodes.sh) or process (the others). Every process is started by this file and
# ended by its id.

# fetch_programs: finds redis-server, redis-cli and etcd, or unpacks Debian's packages into PROGRAMS without installing
# them, so that no service starts. Their libraries come with redis-tools (Ops/install-packages).
fetch_programs() {
    local packages=() program missing
    REDIS_SERVER=$(program redis-server) || packages+=(redis-server redis-tools)
    REDIS_CLI=$(program redis-cli) || packages+=(redis-tools)
    ETCD=$(program etcd) || packages+=(etcd-server)
    if ((${#packages[@]})); then
        mkdir -p "$PROGRAMS/packages"
        (
            cd "$PROGRAMS/packages"
            apt-get download "${packages[@]}" >/dev/null 2>&1 ||
                { apt-get update -qq && apt-get download "${packages[@]}"; } >&2
            for package in *.deb; do dpkg -x "$package" "$PROGRAMS"; done
        )
        REDIS_SERVER=$(program redis-server) REDIS_CLI=$(program redis-cli) ETCD=$(program etcd)
    fi
    for program in "$REDIS_SERVER" "$REDIS_CLI" "$ETCD"; do
        missing=$(ldd "$program" | awk '/not found/ { print $1 }' | xargs)
        if [[ -n $missing ]]; then fail "$program lacks $missing: run Ops/install-packages"; fi
    done
}

# program NAME: prints where it is.
program() {
    command -v "$1" && return
    [[ -x $PROGRAMS/usr/bin/$1 ]] && printf '%s\n' "$PROGRAMS/usr/bin/$1"
}

# launch_process HOME COMMAND...: in the background, in a session of its own.
launch_process() {
    local home=$1
    setsid "${@:2}" >>"$home/log" 2>&1 </dev/null &
    printf '%s\n' "$!" >"$home/process"
}

# stop_process HOME: asks it to end, waits, and kills it only after 30 seconds. It is a child, so its id is its own.
stop_process() {
    local pid tries
    [[ -s $1/process ]] || return 0
    read -r pid <"$1/process"
    kill -TERM "$pid" 2>/dev/null || true
    for ((tries = 0; tries < 300; tries++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -f "$1/process"
}

# wait_until SECONDS WORDS COMMAND...: until the command succeeds; otherwise the words are the failure.
wait_until() {
    local tries
    for ((tries = 0; tries < $1 * 5; tries++)); do
        if "${@:3}" >/dev/null 2>&1; then return 0; fi
        sleep 0.2
    done
    fail "$2 within $1 s"
}

# start_system SYSTEM PLACE: sets TARGET, ADDRESS and LOAD_FLAGS for quire bench load. SYSTEM is quire, redis-always,
# redis-everysec or etcd.
start_system() {
    mkdir -p "$2"
    LOAD_FLAGS=()
    case $1 in
    quire) start_quire "$2" ;;
    redis-*) start_redis "$2" "${1#redis-}" ;;
    etcd) start_etcd "$2" ;;
    esac
}

# system_processor_seconds PLACE: what the processes of a system have used since they were started.
system_processor_seconds() {
    local file
    for file in "$1"/*/pid "$1"/*/process; do
        if [[ -s $file ]]; then sed 's/.*) //' "/proc/$(<"$file")/stat"; fi
    done | awk -v ticks="$(getconf CLK_TCK)" '{ used += $12 + $13 } END { printf "%.2f", used / ticks }'
}

# stop_system PLACE: ends all its processes.
stop_system() {
    local home
    for home in "$1"/*/; do
        stop_node "${home%/}"
        stop_process "${home%/}"
    done
}

# start_quire PLACE: 3 nodes, N=3 R=W=2, a put acknowledged when two nodes have synced it.
start_quire() {
    local home=$1 name base=$FIRST_PORT peers=() durability=()
    if "$QUIRE" node start --help | grep -q -e --durability; then durability=(--durability all); fi
    "$QUIRE" cluster key --out "$home/cluster.key" >&2
    ADDRESS=
    for name in n1 n2 n3; do
        base=$(find_base "$base")
        start_node "$home/$name" "$name" "zone-$name" "$base" "$home/cluster.key" \
            --log-level warning "${durability[@]}"
        ADDRESS=${ADDRESS:+$ADDRESS,}127.0.0.1:$base
        if [[ $name != n1 ]]; then peers+=(--peer "$(node_peer "$home/$name")"); fi
        base=$((base + 10))
    done
    for name in n1 n2 n3; do wait_for_node "$home/$name"; done
    "$QUIRE" cluster init "${peers[@]}" --node "$(node_http "$home/n1")" >&2
    wait_for_cluster "$home/n1"
    TARGET=quire
}

# start_redis PLACE APPENDFSYNC: 3 masters with a replica each.
start_redis() {
    local home=$1 base=$FIRST_PORT number ports=()
    for number in 1 2 3 4 5 6; do
        base=$(find_base "$base")
        mkdir -p "$home/r$number"
        launch_process "$home/r$number" "$REDIS_SERVER" --port "$base" --cluster-port "$((base + 2))" \
            --bind 127.0.0.1 --dir "$home/r$number" --cluster-enabled yes --appendonly yes --appendfsync "$2" \
            --save '' --daemonize no
        ports+=("$base")
        base=$((base + 10))
    done
    for base in "${ports[@]}"; do wait_until 10 "a Redis server did not answer" "$REDIS_CLI" -p "$base" -e ping; done
    "$REDIS_CLI" --cluster create "${ports[@]/#/127.0.0.1:}" --cluster-replicas 1 --cluster-yes >"$home/create.log"
    for base in "${ports[@]}"; do
        wait_until 30 "Redis Cluster was not formed" redis_says "$base" cluster_state:ok cluster info
    done
    for base in "${ports[@]:0:3}"; do
        wait_until 30 "a Redis replica was not in step" redis_says "$base" state=online info replication
    done
    TARGET=redis ADDRESS=127.0.0.1:${ports[0]},127.0.0.1:${ports[1]},127.0.0.1:${ports[2]}
    LOAD_FLAGS=(--wait 1)
}

# redis_says PORT TEXT COMMAND...
redis_says() {
    "$REDIS_CLI" -p "$1" "${@:3}" | grep -q "$2"
}

# start_etcd PLACE: 3 members.
start_etcd() {
    local home=$1 base=$FIRST_PORT number ports=() cluster=
    for number in 1 2 3; do
        base=$(find_base "$base")
        ports+=("$base")
        cluster=${cluster:+$cluster,}e$number=http://127.0.0.1:$((base + 2))
        base=$((base + 10))
    done
    for number in 1 2 3; do
        base=${ports[number - 1]}
        mkdir -p "$home/e$number"
        launch_process "$home/e$number" "$ETCD" --name "e$number" --data-dir "$home/e$number/data" \
            --listen-client-urls "http://127.0.0.1:$base" --advertise-client-urls "http://127.0.0.1:$base" \
            --listen-peer-urls "http://127.0.0.1:$((base + 2))" \
            --initial-advertise-peer-urls "http://127.0.0.1:$((base + 2))" \
            --initial-cluster "$cluster" --initial-cluster-token quire-peers --initial-cluster-state new \
            --logger zap --log-level warn
    done
    for base in "${ports[@]}"; do wait_until 30 "an etcd member was not healthy" etcd_is_healthy "$base"; done
    TARGET=etcd ADDRESS=127.0.0.1:${ports[0]},127.0.0.1:${ports[1]},127.0.0.1:${ports[2]}
}

# etcd_is_healthy PORT
etcd_is_healthy() {
    curl -sf "http://127.0.0.1:$1/health" | grep -q '"health":"true"'
}
