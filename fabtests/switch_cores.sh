#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The provider over every core of this machine: fi_pingpong in both endpoint
# types, with its data check, moved in each way, which the provider's statistics
# must confirm; and the functional programs that suit any core.
#
# usage: switch_cores.sh [CORE]..., in the build directory; default: all below but tcp,
# which other tests are about, and sockets, whose own threads crash or stall at times, and
# in moods the way that the provider chooses; "all": all of them in every way.
# A CORE is a provider's name; with ":rdm" those of its endpoints that have no
# connections, where it has both; or "mock:" and a mood of the tests' own core.
# Environment: FI_PROVIDER_PATH; SWITCH_FUNCS, names of functional programs
# (func/rdm).  Ends with 77 and the reason where fi_pingpong is missing.
# util/core-table makes the table in the README of what it prints.
set -u

funcs=${SWITCH_FUNCS-func/rdm}
status=0

command -v fi_pingpong >/dev/null || { echo "no fi_pingpong (Debian and Ubuntu: libfabric-bin)"; exit 77; }
tmp=$(mktemp -d "${TMPDIR:-/tmp}/switch-cores.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
. "$(dirname "$0")/pingpong.sh"

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

# mood CORE: sets core, and the environment that it is told by.
mood()
{
	core=${1%%:*} mood=
	unset FI_OFI_SWITCH_CORE_EP_TYPE MOCK_MODE MOCK_MR_MODE MOCK_CAPS
	case $1 in *:*) mood=${1#*:} ;; esac
	case $1 in
	mock*) export MOCK_CORE=1 MOCK_EAGER=1 ;; # fi_pingpong blocks behind a send
	*:rdm) export FI_OFI_SWITCH_CORE_EP_TYPE=rdm ;;
	esac
	case $mood in
	FI_MR_*) export MOCK_MR_MODE="$mood" ;;
	FI_*) export MOCK_MODE="$mood" ;;
	reads) export MOCK_CAPS=READ,REMOTE_READ ;;
	writes) export MOCK_CAPS=WRITE,REMOTE_WRITE ;;
	nothing) export MOCK_CAPS=NONE ;;
	esac
}

# cannot WAY: why data cannot be moved so over this core.
cannot()
{
	case $1,$core:$mood in
	read,mock:writes | read,mock:nothing) echo "impossible: the core does not read" ;;
	write,mock:reads | write,mock:nothing) echo "impossible: the core does not write" ;;
	read,mock:FI_MR_RAW | write,mock:FI_MR_RAW) echo "impossible: its keys would have to be mapped" ;;
	*) return 1 ;;
	esac
}

# moved WAY: whether any message was, in the run that has ended.
moved()
{
	[ "$1" = auto ] || grep -q "\"tx_$1_msgs\": [1-9]" "$tmp/stats"
}

# try NAME WAY TYPE: a run of fi_pingpong, and what came of it.
try()
{
	name="fi_pingpong, $1, $3, transfer $2"
	why=$(cannot "$2") && { echo "SKIP: $name # $why"; return; }
	rm -f "$tmp/stats"
	FI_OFI_SWITCH_STATS=$tmp/stats FI_OFI_SWITCH_TRANSFER=$2 \
		pingpong "$core;ofi_switch" -e "$3" -S all -I "$rounds" -c && {
		moved "$2" || { echo "nothing was moved by $2:" && cat "$tmp/stats"; } >"$tmp/client"
		moved "$2"
	}
	verdict "$name" $? "$tmp/server" "$tmp/client"
}

functional()
{
	FUNC_PROV="$core;ofi_switch" prov/switch/test/"$2" >"$tmp/func" 2>&1
	verdict "$2, $1" $? "$tmp/func"
}

mock_moods='FI_CONTEXT FI_CONTEXT2 FI_MSG_PREFIX FI_ASYNC_IOV FI_RX_CQ_DATA FI_MR_LOCAL FI_MR_VIRT_ADDR
	FI_MR_ALLOCATED FI_MR_PROV_KEY FI_MR_ENDPOINT FI_MR_RAW FI_MR_RMA_EVENT reads writes nothing'
brief= rounds=5
if [ $# -eq 0 ] || [ "$*" = all ]; then
	if [ $# -gt 0 ]; then
		set -- tcp shm net sockets sockets:rdm mock
	else
		brief=yes rounds=1
		set -- shm net mock
	fi
	for mood in $mock_moods; do
		set -- "$@" "mock:$mood"
	done
fi
for arg; do
	mood "$arg"
	if ! fi_info -p "$core;ofi_switch" >/dev/null 2>&1; then
		echo "SKIP: $arg # this libfabric does not have it"
		continue
	fi
	ways='auto read write copy'
	case $brief$arg in yesmock:*) ways=auto ;; esac
	for type in rdm msg; do
		for way in $ways; do
			try "$arg" "$way" "$type"
		done
	done
	case $arg in
	shm | mock) for func in $funcs; do functional "$arg" "$func"; done ;;
	esac
done
exit "$status"
