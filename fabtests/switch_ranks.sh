#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Runs switch_ranks with Open MPI over several providers, one after the other,
# and shows their tables side by side.
#
# usage: fabtests/switch_ranks.sh [RANKS [PROVIDER...]]
#   RANKS     64
#   PROVIDER  as FI_PROVIDER names it: "tcp;ofi_switch" (the default), "tcp;ofi_rxm", net
# Environment: SWITCH_RANKS, the program (fabtests/switch_ranks); FI_PROVIDER_PATH;
# BYTES of a message, ROUNDS.  Exit status 77: there is no Open MPI.
set -u

program=${SWITCH_RANKS-fabtests/switch_ranks}
ranks=${1-64}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- 'tcp;ofi_switch'

if ! mpirun --version 2>/dev/null | grep -q 'Open MPI' || [ ! -x "$program" ]; then
	echo "no Open MPI (Debian and Ubuntu: openmpi-bin and libopenmpi-dev)"
	exit 77
fi

out=$(mktemp -d) || exit 1
trap 'rm -f "$out"/*; rmdir "$out"' EXIT

number=0
for provider; do
	number=$((number + 1))
	echo "$provider" >"$out/$number.name"
	if ! "$(dirname "$0")/../util/run-mpi" "$provider" "$ranks" "$program" "${BYTES-64}" \
		"${ROUNDS-11}" >"$out/$number.table" 2>"$out/errors" ||
		! grep -q '^PASS: ' "$out/$number.table"; then
		cat "$out/$number.table" "$out/errors"
		echo "FAIL: $ranks ranks over $provider"
		exit 1
	fi
done

# A label has 34 columns, its value is what follows; numbers in the order of the
# arguments, however many there are.
awk -v out="$out" -v cnt="$number" '
BEGIN {
	printf "%-34s", ""
	for (i = 1; i <= cnt; i++) {
		getline name < (out "/" i ".name")
		printf " %16s", name
	}
	printf "\n"
	while ((getline line < (out "/1.table")) > 0) {
		if (line ~ /^PASS: /)
			continue
		printf "%s", line_label(line) line_value(line)
		for (i = 2; i <= cnt; i++) {
			getline line < (out "/" i ".table")
			printf "%s", line_value(line)
		}
		printf "\n"
	}
	printf "PASS: everybody to everybody\n"
}
function line_label(line) {
	return sprintf("%-34s", substr(line, 1, 34))
}
function line_value(line) {
	return sprintf(" %16s", substr(line, 35) + 0)
}'
