#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The provider with libfabric 2.x and Open MPI 5, those of Debian 13: once the
# object that was built here, with whatever libfabric is here, and once the one
# that the same source becomes there.  Runs in the build directory.
#
# usage: fabtests/switch_libfabric2.sh
# Environment: see util/in-debian13, which makes that Debian and says why not
# where it cannot (exit status 77).
set -u

source=/mnt/source built=/mnt/build # as they are called there
status=0

if [ "${1-}" != --inside ]; then
	top=$(cd "$(dirname "$0")/.." && pwd)
	[ -f .libs/libswitch-fi.so ] || { echo "no .libs/libswitch-fi.so here: run it in a build directory" >&2; exit 99; }
	exec "$top/util/in-debian13" -r source="$top" -r build="$PWD" \
		"$source/fabtests/switch_libfabric2.sh" --inside
fi

# -- from here on in Debian 13 ------------------------------------------------

mkdir /tmp/build && cd /tmp/build || exit 99
tmp=.
. "$source/fabtests/pingpong.sh"
# shellcheck disable=SC2034 # for pingpong.sh
pingpong_seconds=300

# verdict NAME OK [LOG]
verdict()
{
	if [ "$2" -eq 0 ]; then
		echo "PASS: $1"
	else
		[ $# -lt 3 ] || tail -n 60 "$3"
		echo "FAIL: $1"
		status=1
	fi
}

# Loaded, and listed for both types of endpoint.
info()
{
	fi_info -p 'tcp;ofi_switch' >info.log 2>&1 &&
		grep -q 'type: FI_EP_RDM' info.log && grep -q 'type: FI_EP_MSG' info.log
	verdict "$object, fi_info" $? info.log
}

# try TYPE MODE: every size, each byte checked, and the ways that the
# statistics name: the mode, unless the provider was to choose.
try()
{
	rm -f stats
	export FI_OFI_SWITCH_TRANSFER="$2" FI_OFI_SWITCH_STATS="$PWD/stats"
	pingpong 'tcp;ofi_switch' -e "$1" -S all -I 10 -c || return 1
	[ "$2" = auto ] || [ "$(grep -c "\"tx_$2_bytes\": [1-9]" stats)" -eq 2 ]
}

pingpongs()
{
	for type in msg rdm; do
		for mode in auto read write copy; do
			try "$type" "$mode"
			ok=$?
			cat server client stats >pingpong.log 2>/dev/null
			verdict "$object, fi_pingpong $type, $mode" "$ok" pingpong.log
		done
	done
	unset FI_OFI_SWITCH_TRANSFER FI_OFI_SWITCH_STATS
}

mpi()
{
	MPI_RANKS='2 4' "$source/fabtests/switch_mpi.sh" >mpi.log 2>&1
	ok=$?
	grep '^PASS: ' mpi.log | sed "s/^PASS: /&$object, Open MPI $openmpi, /"
	[ "$ok" -eq 0 ] || verdict "$object, Open MPI $openmpi" 1 mpi.log
}

build()
{
	"$source/configure" --enable-werror >build.log 2>&1 &&
		make -j"$(nproc)" all check TESTS= >>build.log 2>&1 && ! grep 'warning:' build.log
	verdict "built with libfabric $libfabric, without a warning" $? build.log
}

# The programs that use the provider or a core; the engine knows no libfabric.
programs()
{
	set --
	for program in prov/switch/test/func/* prov/switch/test/unit/core/*_test prov/switch/test/unit/api/*_test; do
		case $program in
		*.o | *.lo | *.log | *.trs) ;;
		*) [ ! -x "$program" ] || set -- "$@" "$program" ;;
		esac
	done
	make -k check TESTS="$*" >check.log 2>&1
	for program; do
		results=$(sed -n 's/^:test-result: *//p' "$program.trs" 2>/dev/null)
		passed=$(echo "$results" | grep -c '^PASS')
		! echo "$results" | grep -Eq '^(FAIL|ERROR)' && [ "$passed" -gt 0 ]
		ok=$?
		grep -E -B 12 '^(not ok|# (FAIL:|\[FAIL\]))' "$program.log" >failed.log
		verdict "$object, ${program##*/}, $passed cases" "$ok" failed.log
	done
}

libfabric=$(pkg-config --modversion libfabric)
openmpi=$(mpirun --version | sed -n 's/^mpirun (Open MPI) //p')
here=$(sed -n 's/^LIBFABRIC_VERSION = //p' "$built/Makefile")

export FI_PROVIDER_PATH="$built/.libs"
object="built with $here, run with $libfabric"
info
pingpongs
build
[ "$status" -eq 0 ] || exit 1
mpi
export FI_PROVIDER_PATH="$PWD/.libs"
object="built and run with $libfabric"
info
pingpongs
programs
mpi
exit "$status"
