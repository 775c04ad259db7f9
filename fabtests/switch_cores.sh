#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The provider over cores other than tcp on this machine: fi_pingpong in both
# endpoint types with its data check, and the functional programs that suit any core.
#
# usage: switch_cores.sh [CORE]..., in the build directory; default: shm net.
# Environment: FI_PROVIDER_PATH; SWITCH_FUNCS, names of functional programs
# (func_rdm).  Ends with 77 and the reason where fi_pingpong is missing.
set -u

funcs=${SWITCH_FUNCS-func_rdm}
status=0
port=$((21000 + $$ % 20000))

command -v fi_pingpong >/dev/null || { echo "no fi_pingpong (Debian and Ubuntu: libfabric-bin)"; exit 77; }
tmp=$(mktemp -d "${TMPDIR:-/tmp}/switch-cores.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT

# verdict NAME OK LOG...
verdict()
{
	name=$1 ok=$2
	shift 2
	if [ "$ok" -eq 0 ]; then
		echo "PASS: $name"
	else
		tail -n 30 "$@"
		echo "FAIL: $name"
		status=1
	fi
}

# pingpong PROVIDER ARGUMENT...: two processes, each of which must succeed.
pingpong()
{
	prov=$1
	shift
	port=$((port + 1)) # the last one may not be free again
	timeout 300 fi_pingpong -p "$prov" -B "$port" "$@" >"$tmp/server" 2>&1 &
	server=$!
	until grep -Eq ":$(printf %04X "$port") [0-9A-F:]+ 0A " /proc/net/tcp /proc/net/tcp6; do
		kill -0 "$server" 2>/dev/null || break
	done
	timeout 300 fi_pingpong -p "$prov" -P "$port" "$@" 127.0.0.1 >"$tmp/client" 2>&1
	client_status=$?
	[ "$client_status" -eq 0 ] || kill "$server" 2>/dev/null
	wait "$server" && [ "$client_status" -eq 0 ]
}

[ $# -gt 0 ] || set -- shm net
for core; do
	if ! fi_info -p "$core" >/dev/null 2>&1; then
		echo "SKIP: $core # this libfabric does not have it"
		continue
	fi
	for type in rdm msg; do
		for way in auto read write copy; do
			FI_OFI_SWITCH_TRANSFER=$way pingpong "$core;ofi_switch" -e "$type" -S all -I 20 -c
			verdict "$core, fi_pingpong, $type, transfer $way" $? "$tmp/server" "$tmp/client"
		done
	done
	for func in $funcs; do
		FUNC_PROV="$core;ofi_switch" prov/switch/test/"$func" >"$tmp/func" 2>&1
		verdict "$core, $func" $? "$tmp/func"
	done
done
exit "$status"
