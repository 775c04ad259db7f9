#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The provider over the verbs core, on soft-RoCE in a virtual machine (see
# util/verbs-vm): the core by itself, fi_pingpong over both, the functional
# programs, an MPI program; and that no message ever found its receiver not
# ready, which the device counts.
#
# usage: switch_verbs.sh, in the build directory.
# Environment: VERBS_PROV ("verbs;ofi_switch"); SWITCH_VERBS, names of functional
# programs; VERBS_CASES, which of their cases, by words in their names (empty: all,
# which takes hours); SWITCH_MPI, the MPI program (fabtests/switch_mpi);
# FI_PROVIDER_PATH (.libs); VM_TIMEOUT (3600 here).  Ends with 77 and the reason
# where the machine cannot be had.
set -u

prov=${VERBS_PROV-verbs;ofi_switch}
programs=${SWITCH_VERBS-func_rdm func_msg func_match func_comp func_cross func_close func_wait}
# Few buffers and credits are what finds a receiver not ready.
cases=${VERBS_CASES-[tight] [plain]}
fabtests=$(cd "$(dirname "$0")" && pwd)
export FI_PROVIDER_PATH="${FI_PROVIDER_PATH-$PWD/.libs}"

if [ "${1-}" != inside ]; then
	export VM_TIMEOUT="${VM_TIMEOUT-3600}"
	exec "$fabtests/../util/verbs-vm" sh "$fabtests/switch_verbs.sh" inside
fi

# -- inside the machine --------------------------------------------------------

counters=/sys/class/infiniband/rxe0/ports/1/hw_counters
tmp=$(mktemp -d) || exit 99
status=0
port=20000

pass()
{
	echo "PASS: $1"
}

fail()
{
	[ $# -eq 1 ] || tail -n 30 "$2"
	echo "FAIL: $1"
	status=1
}

# pingpong PROVIDER ARGUMENT...: two processes, each of which must succeed; what
# they say goes to $tmp/pingpong.
pingpong()
{
	prov_now=$1
	shift
	port=$((port + 1)) # the last one may not be free again
	timeout 300 fi_pingpong -p "$prov_now" -B "$port" "$@" >"$tmp/server" 2>&1 &
	server=$!
	until grep -Eq ":$(printf %04X "$port") [0-9A-F:]+ 0A " /proc/net/tcp /proc/net/tcp6; do
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	timeout 300 fi_pingpong -p "$prov_now" -P "$port" "$@" "$VERBS_HOST" >"$tmp/client" 2>&1
	client_status=$?
	[ "$client_status" -eq 0 ] || kill "$server" 2>/dev/null
	wait "$server"
	server_status=$?
	tail -n 20 "$tmp/server" "$tmp/client" >"$tmp/pingpong"
	[ "$client_status" -eq 0 ] && [ "$server_status" -eq 0 ]
}

# report PREFIX COMMAND...: runs it, and shows what it says as it says it, with
# this before the names of its cases; its status.
report()
{
	prefix=$1
	shift
	{
		"$@" 2>&1
		echo $? >"$tmp/result"
	} | tee "$tmp/log" | sed -u -E "s/^(PASS|FAIL|SKIP): /&$prefix, /"
	return "$(cat "$tmp/result")"
}

# functional NAME: one program; it reports its cases.
functional()
{
	program=prov/switch/test/$1
	[ -x "$program" ] || { echo "SKIP: $1 # it was not built"; return; }
	set -f # the brackets are not patterns
	# shellcheck disable=SC2086 # a list
	FUNC_PROV=$prov FUNC_HOST=$VERBS_HOST FUNC_DEADLINE=${FUNC_DEADLINE-240} report "$1" "$program" $cases
	result=$?
	set +f
	case $result in
	0) ;;
	77) grep -q '^SKIP:' "$tmp/log" || echo "SKIP: $1 # $(tail -n 1 "$tmp/log")" ;;
	*)
		status=1
		grep -q '^FAIL:' "$tmp/log" || fail "$1: exit status $result"
		;;
	esac
}

mpi()
{
	PROV=$prov MPI_RANKS=2 report MPI "$fabtests/switch_mpi.sh"
	result=$?
	case $result in
	0) ;;
	77) echo "SKIP: MPI # $(tail -n 1 "$tmp/log")" ;;
	*) status=1 ;;
	esac
}

# count COUNTER...: their sum.
count()
{
	(cd "$counters" && cat "$@") | awk '{ sum += $1 } END { print sum }'
}

not_ready='rcvd_rnr_err send_rnr_err retry_rnr_exceeded_err'

if fi_info -p verbs -t FI_EP_MSG >"$tmp/log" 2>&1 && grep -q 'domain: rxe0' "$tmp/log" &&
	grep -q 'protocol: FI_PROTO_RDMA_CM_IB_RC' "$tmp/log"; then
	pass "fi_info: verbs has a device with connections"
else
	fail "fi_info: verbs has a device with connections" "$tmp/log"
fi
if pingpong verbs -e msg -S all -I 3 -c; then
	pass "fi_pingpong, verbs, msg"
else
	fail "fi_pingpong, verbs, msg" "$tmp/pingpong"
fi

# shellcheck disable=SC2086 # a list
not_ready_before=$(count $not_ready)
sent_before=$(count sent_pkts)
for mode in auto read write copy; do
	for type in msg rdm; do
		export FI_OFI_SWITCH_TRANSFER="$mode"
		if pingpong "$prov" -e "$type" -S all -I 3 -c; then
			pass "fi_pingpong, $prov, $type, transfer $mode"
		else
			fail "fi_pingpong, $prov, $type, transfer $mode" "$tmp/pingpong"
		fi
	done
done
unset FI_OFI_SWITCH_TRANSFER
for name in $programs; do
	functional "$name"
done
mpi

# shellcheck disable=SC2086
not_ready_after=$(count $not_ready)
sent=$(($(count sent_pkts) - sent_before))
what="no receiver was not ready, in $sent packets"
if [ "$sent" -eq 0 ]; then
	echo "SKIP: no receiver was not ready # nothing went over verbs"
elif [ "$not_ready_after" -eq "$not_ready_before" ]; then
	pass "$what"
else
	grep . "$counters"/*
	fail "$what: $((not_ready_after - not_ready_before)) times"
fi
exit "$status"
