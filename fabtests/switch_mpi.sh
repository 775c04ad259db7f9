#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Runs switch_mpi with Open MPI over a provider; arguments: its cases.
# Environment: SWITCH_MPI, the program (fabtests/switch_mpi), PROV
# ("tcp;ofi_switch"), MPI_RANKS ("2 3 8"), FI_PROVIDER_PATH.  Ends with 77 and
# the reason where there is no Open MPI.
set -u

program=${SWITCH_MPI-fabtests/switch_mpi}
prov=${PROV-tcp;ofi_switch}
status=0

version=$(mpirun --version 2>/dev/null | sed -n 's/^mpirun (Open MPI) //p')
if [ -z "$version" ] || [ ! -x "$program" ]; then
	echo "no Open MPI (Debian and Ubuntu: openmpi-bin and libopenmpi-dev)"
	exit 77
fi

for ranks in ${MPI_RANKS-2 3 8 16}; do
	"$(dirname "$0")/../util/run-mpi" "$prov" "$ranks" "$program" "$@" \
		>"switch_mpi.out.$$" 2>&1 || status=1
	sed "s/^PASS: /PASS: $ranks ranks, /" "switch_mpi.out.$$"
	rm -f "switch_mpi.out.$$"
	[ "$status" -eq 0 ] || { echo "FAIL: $ranks ranks"; exit 1; }
done
