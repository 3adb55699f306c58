#!/usr/bin/env bash
# hosts.sh PROGRAM: `PROGRAM bench cp` with every mechanism on four ranks of two hosts, which are network namespaces of this machine: messages go by TCP
# over a bridge, as between machines. Needs root and iproute2; where namespaces are refused it says so and exits 77.
set -euo pipefail
program=$1
mark=attn$$
net=10.$((100 + $$ / 256 % 100)).$(($$ % 256))
skip() {
    echo "hosts.sh: skipped: $1"
    exit 77
}
command -v ip >/dev/null || skip "no ip (Debian: iproute2)"
ip netns add "${mark}a" 2>/dev/null || skip "network namespaces are refused here; they need root"
work=$(mktemp -d)
finish() {
    ip link del "${mark}br" 2>/dev/null || true
    ip netns del "${mark}a" 2>/dev/null || true
    ip netns del "${mark}b" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
connect() { # NAMESPACE NUMBER
    ip link add "${mark}v$2" type veth peer name e0 netns "$1"
    ip link set "${mark}v$2" master "${mark}br" up
    ip -n "$1" addr add "$net.$2/24" dev e0
    ip -n "$1" link set e0 up
    ip -n "$1" link set lo up
}
{
    ip netns add "${mark}b" && ip link add "${mark}br" type bridge && ip addr add "$net.1/24" dev "${mark}br" && ip link set "${mark}br" up &&
        connect "${mark}a" 11 && connect "${mark}b" 12
} 2>"$work/network" || skip "no network between namespaces: $(tail -n 1 "$work/network")"

# What mpirun calls in the place of ssh.
cat >"$work/agent" <<AGENT
#!/bin/sh
case \$1 in
$net.11) name=${mark}a ;;
*) name=${mark}b ;;
esac
shift
exec ip netns exec \$name unshare -u sh -c "hostname \$name; \$*"
AGENT
chmod +x "$work/agent"
mpirun --host "$net.11:2,$net.12:2" -n 4 --oversubscribe --mca plm_rsh_agent "$work/agent" --mca oob_tcp_if_include "$net.0/24" \
    --mca btl_tcp_if_include "$net.0/24" --mca btl self,tcp "$program" bench cp --mask "causal & document:200,40,300,484" --len 1K \
    --heads 4 --kv-heads 4 --dim 16 --repeat 2 --threads 1 --json >"$work/out" 2>"$work/err" || {
    cat "$work/err" "$work/out" >&2
    exit 1
}
for mechanism in ulysses ring allgather usp loongtrain hybrid; do
    for pass in fwd bwd; do
        grep "\"mechanism\":\"$mechanism\"" "$work/out" | grep "\"pass\":\"$pass\"" | grep -q '"ranks":4.*"status":"ok"' || {
            echo "hosts.sh: no $pass of $mechanism on two hosts:" >&2
            cat "$work/err" "$work/out" >&2
            exit 1
        }
    done
done
