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

# One machine, perhaps without ssh, perhaps as root, perhaps with fewer cores
# than ranks; and the provider that is to be tested or none.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_plm_rsh_agent=/bin/false
for ranks in ${MPI_RANKS-2 3 8}; do
	mpirun --oversubscribe -np "$ranks" --mca pml cm --mca mtl ofi \
		--mca opal_common_ofi_provider_include "$prov" -x FI_PROVIDER_PATH \
		"$program" "$@" >"switch_mpi.out.$$" 2>&1 || status=1
	sed "s/^PASS: /PASS: $ranks ranks, /" "switch_mpi.out.$$"
	rm -f "switch_mpi.out.$$"
	[ "$status" -eq 0 ] || { echo "FAIL: $ranks ranks"; exit 1; }
done
