#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The provider over the verbs core, on soft-RoCE in a virtual machine (see
# util/verbs-vm): the core by itself, its adapter, fi_pingpong, an MPI program, the
# functional programs; and that none of our messages ever found its receiver not
# ready, which the device counts.
#
# usage: switch_verbs.sh, in the build directory.
# Environment: VERBS_PROV ("verbs;ofi_switch"); SWITCH_VERBS, names of functional
# programs, and VERBS_CASES, which of their cases, by words in their names (empty:
# all, which takes hours), instead of the selection below; VERBS_SECONDS, since
# power on, after which no other case begins (600; what is left out is skipped);
# SWITCH_MPI, the MPI program (fabtests/switch_mpi); FI_PROVIDER_PATH (.libs);
# VM_TIMEOUT (3600 here).  Ends with 77 and the reason where the machine cannot be had.
set -u

prov=${VERBS_PROV-verbs;ofi_switch}
seconds=${VERBS_SECONDS-600}
fabtests=$(cd "$(dirname "$0")" && pwd)
export FI_PROVIDER_PATH="${FI_PROVIDER_PATH-$PWD/.libs}"

# Of every functional program what tells most about a core; few buffers and credits
# ("tight") are what finds a receiver not ready.
selection='
func/msg [plain]
func/rdm registered, rdm [tight]
func/rdm registered, msg [read]
func/rdm variants, rdm tagged [tight]
func/cross two [tight]
func/match order, tagged [tight]
func/match cancel at any moment [tight]
func/comp delivery complete, rdm [tight]
func/close lossless [tight]
func/killed killed, connected [tight]
func/wait trywait and poll, rdm [tight]
func/wait blocking read, msg [auto]
func/self two endpoints, two domains [tight]
func/stats read, rdm
func/stats write, msg
func/shared receives for all, rdm [tight]
func/av reuse, table
func/msg crowd [tight]
'

if [ "${1-}" != inside ]; then
	export VM_TIMEOUT="${VM_TIMEOUT-3600}"
	exec "$fabtests/../util/verbs-vm" sh "$fabtests/switch_verbs.sh" inside
fi

# -- inside the machine --------------------------------------------------------

counters=/sys/class/infiniband/rxe0/ports/1/hw_counters
tmp=$(mktemp -d) || exit 99
status=0
. "$fabtests/pingpong.sh"
# shellcheck disable=SC2034 # for pingpong.sh
pingpong_seconds=900 pingpong_host=$VERBS_HOST

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

# report PREFIX COMMAND...: runs it, and shows what it says as it says it, with
# this before the names of its cases; its status.
report()
{
	prefix=$1
	shift
	{
		"$@" 2>&1
		echo $? >"$tmp/result"
	} | tee "$tmp/log" | sed -u -E "s#^(PASS|FAIL|SKIP): #&$prefix, #"
	return "$(cat "$tmp/result")"
}

# late NAME: there is no time left for it.
late()
{
	[ "$(cut -d. -f1 /proc/uptime)" -ge "$seconds" ] || return
	echo "SKIP: $1 # no time left (VERBS_SECONDS=$seconds)"
}

# functional NAME [WORDS]...: cases of one program, which reports them.
functional()
{
	name=$1
	shift
	program=prov/switch/test/$name
	[ -x "$program" ] || { echo "SKIP: $name # it was not built"; return; }
	late "$name, $*" && return
	FUNC_PROV=$prov FUNC_HOST=$VERBS_HOST FUNC_DEADLINE=${FUNC_DEADLINE-600} report "$name" "$program" "$@"
	result=$?
	case $result in
	0) ;;
	77) grep -q '^SKIP:' "$tmp/log" || echo "SKIP: $name # $(tail -n 1 "$tmp/log")" ;;
	*)
		status=1
		grep -q '^FAIL:' "$tmp/log" || fail "$name $*: exit status $result"
		;;
	esac
}

mpi()
{
	late MPI && return
	PROV=$prov MPI_RANKS=2 report MPI "$fabtests/switch_mpi.sh"
	result=$?
	case $result in
	0) ;;
	77) echo "SKIP: MPI # $(tail -n 1 "$tmp/log")" ;;
	*) status=1 ;;
	esac
}

# conformance CORE: what core.h promises, over a core of the test's table.
conformance()
{
	program=prov/switch/test/unit/core/conformance_test
	[ -x "$program" ] || { echo "SKIP: core conformance # it was not built"; return; }
	late "core conformance, $1" && return
	LC_ALL=C CORE_CASE=$1 "$program" --color=never "--tap=$tmp/tap" >"$tmp/log" 2>&1
	result=$?
	[ "$result" -eq 0 ] || tail -n 50 "$tmp/log"
	sed -n -e "s/^ok - core::\([^# ]*\).*# SKIP/SKIP: $1, \1 #/p;t" \
		-e "s/^ok - core::\([^ ]*\).*/PASS: $1, \1/p" \
		-e "s/^not ok - core::\([^ ]*\).*/FAIL: $1, \1/p" "$tmp/tap" >"$tmp/cases"
	cat "$tmp/cases"
	[ "$result" -eq 0 ] && return
	status=1
	grep -q '^FAIL:' "$tmp/cases" || fail "core conformance, $1: exit status $result"
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
if pingpong verbs -e msg -S all -I 1 -c; then
	pass "fi_pingpong, verbs, msg"
else
	tail -n 20 "$tmp/server" "$tmp/client" >"$tmp/pingpong"
	fail "fi_pingpong, verbs, msg" "$tmp/pingpong"
fi

# This floods receivers on purpose: so we know that the device counts.
conformance verbs
# shellcheck disable=SC2086 # a list
not_ready_before=$(count $not_ready)
sent_before=$(count sent_pkts)
if [ "$not_ready_before" -gt 0 ]; then
	pass "the device counts receivers that are not ready: $not_ready_before of them, flooded"
else
	echo "SKIP: the device counts receivers that are not ready # none was flooded"
fi

for mode in auto read write copy; do
	for type in msg rdm; do
		what="fi_pingpong, $prov, $type, transfer $mode"
		late "$what" && continue
		export FI_OFI_SWITCH_TRANSFER="$mode"
		if pingpong "$prov" -e "$type" -S all -I 1 -c; then
			pass "$what"
		else
			tail -n 20 "$tmp/server" "$tmp/client" >"$tmp/pingpong"
			fail "$what" "$tmp/pingpong"
		fi
	done
done
unset FI_OFI_SWITCH_TRANSFER
mpi
set -f # the brackets of cases are not patterns
if [ -n "${SWITCH_VERBS-}" ]; then
	for name in $SWITCH_VERBS; do
		# shellcheck disable=SC2086 # a list
		functional "$name" ${VERBS_CASES-[tight] [plain]}
	done
else
	echo "$selection" >"$tmp/selection"
	while read -r name words; do
		[ -z "$name" ] || functional "$name" "$words" </dev/null
	done <"$tmp/selection"
fi
set +f

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
conformance "verbs without shared receives"
echo "$(cut -d. -f1 /proc/uptime) s since power on"
exit "$status"
