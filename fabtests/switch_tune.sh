#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# util/switchtune: what it finds in times that are given to it, what it says when
# it cannot measure, and that the provider takes the table that it writes.
#
# usage: switch_tune.sh, in the build directory.  Environment: FI_PROVIDER_PATH.
# Ends with 77 and the reason where fi_info is missing.
set -u

tune=$(dirname "$0")/../util/switchtune
status=0

command -v fi_info >/dev/null || { echo "no fi_info (Debian and Ubuntu: libfabric-bin)"; exit 77; }
tmp=$(mktemp -d "${TMPDIR:-/tmp}/switch-tune.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
ratio=$tmp/given

# verdict NAME OK: with what was said, if it is not.
verdict()
{
	if [ "$2" -eq 0 ]; then
		echo "PASS: $1"
	else
		cat "$tmp/out" "$tmp/err" "$tmp/costs" 2>/dev/null
		echo "FAIL: $1"
		status=1
	fi
}

# tune ARGUMENT...: 0 if it ends with the status in $want.  It measures with $ratio.
tune()
{
	SWITCH_RATIO=$ratio "$tune" "$@" >"$tmp/out" 2>"$tmp/err"
	[ $? -eq "$want" ]
}

# row: what the table says of tcp.
row()
{
	sed -n 's/^tcp  *//p' "$tmp/out"
}

# given WAY=TIMES...: a program in place of switch_ratio, with these times in
# microseconds for the sizes 40000, 50000, 60000 and 70000.
given()
{
	{
		echo '#!/bin/sh'
		echo 'echo "bytes provider type us ratio least"'
		echo 'case $FI_OFI_SWITCH_TRANSFER in'
		for way; do
			echo "${way%%=*}) set -- ${way#*=} ;;"
		done
		echo 'esac'
		echo 'for size in 40000 50000 60000 70000; do'
		echo '	echo "$size tcp;ofi_switch rdm 99999 1 $1"; shift'
		echo 'done'
	} >"$tmp/given"
	chmod +x "$tmp/given"
}

# finds NAME ROW WAY=TIMES...
finds()
{
	name=$1 expected=$2
	shift 2
	given "$@"
	want=0
	tune -c tcp,tcp -S 40000,50000,60000,70000 -n 2 && [ "$(row)" = "$expected" ]
	verdict "$name" $?
}

finds "crossings" "60000 70000" copy="10 20 30 40" read="20 21 22 23" write="35 35 35 35"
finds "never" "never never" copy="10 20 30 40" read="11 21 31 41" write="99 99 99 99"
finds "from the first size" "40000 40000" copy="10 20 30 40" read="9 9 9 9" write="9 19 29 39"
finds "a size that was disturbed" "50000 never" copy="10 20 30 40" read="20 10 33 10" \
	write="20 40 29 80"

printf '#!/bin/sh\necho "the core is broken" >&2\nexit 1\n' >"$tmp/given"
want=1
tune -c tcp -o "$tmp/costs" && grep -q "tcp: the core is broken" "$tmp/err" &&
	[ ! -e "$tmp/costs" ]
verdict "a core that fails" $?

# It waits for who opens the pipe to write, which nobody does.
mkfifo "$tmp/pipe"
printf '#!/bin/sh\nexec cat "%s"\n' "$tmp/pipe" >"$tmp/given"
tune -c tcp -t 1 && grep -q "tcp: not 15 runs in 1 s" "$tmp/err"
verdict "a core that takes too long" $?

tune -c none && grep -q "none: not on this machine" "$tmp/err"
verdict "no such core" $?

tune -c tcp -o "$tmp" && grep -q "cannot write $tmp\$" "$tmp/err" &&
	tune -c tcp -o "$tmp/none/costs" && grep -q "cannot write" "$tmp/err"
verdict "nowhere to write" $?

# It is stopped while it measures: the program says that it is there.  All that it
# started holds the descriptor 3, and the substitution ends when none does.
printf '#!/bin/sh\nkill -TERM "$TUNE"\nexec cat "%s"\n' "$tmp/pipe" >"$tmp/given"
stopped=$(
	(
		TUNE=$(exec sh -c 'echo "$PPID"')
		export TUNE
		SWITCH_RATIO=$ratio exec "$tune" -c tcp 3>&1 >"$tmp/out" 2>"$tmp/err"
	)
	echo $?
)
[ "$stopped" -eq 1 ] && ! grep -q "nothing was measured" "$tmp/err"
verdict "it can be stopped, and takes along what it started" $?

want=2
tune -c '' && tune -o '' && tune -S 100 && tune -S 50000,40000 && tune -S 1,x && tune -S '' && tune -n 0 && tune -r -3 && tune -t && tune -x && tune more
verdict "wrong arguments" $?

# The real thing, with as little as will do.
ratio=fabtests/switch_ratio
want=0
tune -c tcp -S 40000,200000 -n 1 -r 3 -t 500 -o "$tmp/costs" &&
	grep -Eqx 'tcp +([0-9]+|never) ([0-9]+|never)' "$tmp/costs" &&
	grep -q '^# date ' "$tmp/costs" && grep -q '^# kernel ' "$tmp/costs" &&
	grep -Eq '^# libfabric +[0-9]' "$tmp/costs"
verdict "a table of tcp" $?

# warnings: how many the provider has about the table.
warnings()
{
	FI_OFI_SWITCH_COSTS=$tmp/costs FI_LOG_LEVEL=warn FI_LOG_PROV=ofi_switch \
		fi_info -p "tcp;ofi_switch" >"$tmp/out" 2>"$tmp/err"
	grep -c "FI_OFI_SWITCH_COSTS: $tmp/costs" "$tmp/err"
}

[ "$(warnings)" -eq 0 ]
verdict "the provider takes it" $?
echo "shm 1" >>"$tmp/costs"
[ "$(warnings)" -eq 1 ] && grep -q "costs:$(wc -l <"$tmp/costs"): " "$tmp/err"
verdict "the provider says what is wrong with it" $?
exit "$status"
