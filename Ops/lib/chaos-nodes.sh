# The nodes of Ops/chaos and the faults that are done to them. Sourced, not run; needs output.sh, nodes.sh and the
# variables QUIRE, place (a directory of this run) and count (how many nodes).
#
# With root and `ip netns` every node lives in a network namespace of its own, all joined by a bridge in a further
# namespace, the hub, where the clients run too: nothing of the machine's own network is touched. A link is cut one
# way by giving the sender a hardware address of the receiver that nobody has, so that its frames are dropped in
# silence, as by a broken cable. Elsewhere the nodes share loopback, and no link is cut.

net=chaos$$
isolated=             # set when namespaces are used
declare -A cuts=()    # "FROM TO" → how many faults cut it now; n1 … nN and hub
# Replicas are compared once a minute, so that a run shows within minutes what ten-minute rounds would do as well.
node_options=(--shards 1 --loops 1 --repair-cycle 60)

index_of() { if [[ $1 == hub ]]; then echo 250; else echo "${1#n}"; fi; }
address_of() { echo "10.97.0.$(index_of "$1")"; }
mac_of() { printf '02:51:00:00:00:%02x' "$(index_of "$1")"; }

# in_hub COMMAND…: runs it where the clients are.
in_hub() {
    if [[ -n $isolated ]]; then ip netns exec "$net-hub" "$@"; else "$@"; fi
}

# make_network: namespaces if this machine and this user can have them.
make_network() {
    local index node
    if [[ ${wants_loopback:-} == 1 ]]; then return 0; fi
    if ((EUID != 0)) || ! command -v ip >/dev/null || ! ip netns add "$net-hub" 2>/dev/null; then return 0; fi
    isolated=1
    ip -n "$net-hub" link set lo up
    if ! ip -n "$net-hub" link add bridge type bridge 2>/dev/null; then
        ip netns del "$net-hub"
        isolated=
        return 0
    fi
    ip -n "$net-hub" link set bridge address "$(mac_of hub)" up
    ip -n "$net-hub" addr add "$(address_of hub)/24" dev bridge
    for ((index = 1; index <= count; index++)); do
        node=n$index
        ip netns add "$net-$node"
        ip -n "$net-hub" link add "$node" type veth peer name eth0 netns "$net-$node"
        ip -n "$net-hub" link set "$node" master bridge up
        ip -n "$net-$node" link set lo up
        ip -n "$net-$node" link set eth0 address "$(mac_of "$node")" up
        ip -n "$net-$node" addr add "$(address_of "$node")/24" dev eth0
    done
}

remove_network() {
    local index
    [[ -n $isolated ]] || return 0
    for ((index = 1; index <= count; index++)); do ip netns del "$net-n$index" 2>/dev/null || true; done
    ip netns del "$net-hub" 2>/dev/null || true
}

http_of() {
    if [[ -n $isolated ]]; then echo "http://$(address_of "$1"):7382"; else node_http "$place/$1"; fi
}
proxy_of() {
    if [[ -n $isolated ]]; then echo "$(address_of "$1"):7379"; else node_proxy "$place/$1"; fi
}
peer_of() {
    if [[ -n $isolated ]]; then echo "$(address_of "$1"):7381"; else node_peer "$place/$1"; fi
}

# launch NODE: starts it, the first time or again.
launch() {
    local home=$place/$1 base pid
    mkdir -p "$home"
    if [[ -n $isolated ]]; then
        ip netns exec "$net-$1" setsid "$QUIRE" node start --data "$home/data" --name "$1" --zone "z$1" \
            --host "$(address_of "$1")" --trust-network --cluster-key-file "$place/cluster.key" \
            "${node_options[@]}" >>"$home/log" 2>&1 </dev/null &
    else
        # Below the ports that the system gives to outgoing connections, and another place for every run.
        if [[ ! -s $home/base ]]; then find_base "$((10000 + $$ % 200 * 100 + 10 * ${1#n}))" >"$home/base"; fi
        read -r base <"$home/base" || true
        setsid "$QUIRE" node start --data "$home/data" --name "$1" --zone "z$1" \
            --proxy-port "$base" --peer-port "$((base + 2))" --http-port "$((base + 3))" \
            --cluster-key-file "$place/cluster.key" "${node_options[@]}" >>"$home/log" 2>&1 </dev/null &
    fi
    pid=$!
    printf '%s\n' "$pid" >"$home/pid"
    # For a moment the process is still this script's: only afterwards can it be told by its arguments.
    until node_is_running "$home" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
}

# signal_node NODE SIGNAL: only to the process that runs this node.
signal_node() {
    local pid
    node_is_running "$place/$1" || return 0
    read -r pid <"$place/$1/pid"
    kill "-$2" "$pid" 2>/dev/null || true
}

# kill_node NODE: kill -9, and waits until it is gone.
kill_node() {
    local pid
    node_is_running "$place/$1" || return 0
    read -r pid <"$place/$1/pid"
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

# wait_until_ready NODE SECONDS: until it serves its cluster.
wait_until_ready() {
    local deadline=$((SECONDS + $2))
    while ((SECONDS < deadline)); do
        if in_hub "$QUIRE" cluster members --node "$(http_of "$1")" >/dev/null 2>&1; then return 0; fi
        node_is_running "$place/$1" || return 1
        sleep 0.2
    done
    return 1
}

# cut FROM TO, mend FROM TO: one direction of one link; cuts of several faults add up.
cut() {
    local key="$1 $2" device=eth0
    cuts[$key]=$((${cuts[$key]:-0} + 1))
    if [[ $1 == hub ]]; then device=bridge; fi
    ip -n "$net-$1" neigh replace "$(address_of "$2")" lladdr 02:51:00:00:00:ff dev "$device" nud permanent
}
mend() {
    local key="$1 $2" device=eth0
    cuts[$key]=$((${cuts[$key]:-1} - 1))
    ((cuts[$key] == 0)) || return 0
    if [[ $1 == hub ]]; then device=bridge; fi
    ip -n "$net-$1" neigh replace "$(address_of "$2")" lladdr "$(mac_of "$2")" dev "$device" nud permanent
}

# for_all_links NODE DO: applies cut or mend to both directions of all its links.
for_all_links() {
    local other
    for other in "${nodes[@]}" hub; do
        if [[ $other == "$1" ]]; then continue; fi
        "$2" "$1" "$other"
        "$2" "$other" "$1"
    done
}
