#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# MPI programs that others wrote and that check their own results, over one
# provider with Open MPI: NetPIPE with its integrity check, and the HPC
# Challenge (Linpack, PTRANS, RandomAccess, FFT, STREAM, latency).
#
# usage: switch_mpi_apps.sh [netpipe | hpcc]...
# Environment: MPI_PROV (default "tcp;ofi_switch"), FI_PROVIDER_PATH, HPCC_RANKS
# (default "2 4 16").  Exit status 77: there is no Open MPI.
set -u

prov=${MPI_PROV-tcp;ofi_switch}
run_mpi=$(cd "$(dirname "$0")/../util" && pwd)/run-mpi
status=0

if ! mpirun --version 2>/dev/null | grep -q 'Open MPI'; then
	echo "no Open MPI here (mpirun)"
	exit 77
fi

tmp=$(mktemp -d "${TMPDIR:-/tmp}/mpi-apps.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 99

# verdict NAME OK LOG
verdict()
{
	if [ "$2" -eq 0 ]; then
		echo "PASS: $1"
	else
		tail -n 30 "$3"
		echo "FAIL: $1"
		status=1
	fi
}

netpipe()
{
	command -v NPopenmpi >/dev/null || { echo "SKIP: NetPIPE # netpipe-openmpi is not installed"; return; }
	"$run_mpi" "$prov" 2 NPopenmpi -i -u 4194304 -o netpipe.out >netpipe.log 2>&1 &&
		grep -q 'Now starting' netpipe.log && ! grep -qi 'integrity check failed' netpipe.log
	verdict "NetPIPE with integrity check" $? netpipe.log
}

# The benchmark reads its sizes from a file in its directory.
hpcc_input()
{
	case $1 in
	2) grid='1 2' ;;
	4) grid='2 2' ;;
	8) grid='2 4' ;;
	16) grid='4 4' ;;
	*) grid="1 $1" ;;
	esac
	cat <<-END
	HPLinpack benchmark input file

	HPL.out      output file name
	8            device out (file)
	1            # of problems sizes (N)
	800          Ns
	1            # of NBs
	80           NBs
	0            PMAP process mapping (row-major)
	1            # of process grids (P x Q)
	${grid% *}            Ps
	${grid#* }            Qs
	16.0         threshold
	1            # of panel fact
	2            PFACTs
	1            # of recursive stopping criterium
	4            NBMINs
	1            # of panels in recursion
	2            NDIVs
	1            # of recursive panel fact.
	1            RFACTs
	1            # of broadcast
	1            BCASTs
	1            # of lookahead depth
	1            DEPTHs
	2            SWAP
	64           swapping threshold
	0            L1 in transposed form
	0            U  in transposed form
	1            Equilibration
	8            memory alignment in double
	##### a separator #####
	0            additional problem sizes for PTRANS
	1200         values of N
	0            additional blocking sizes for PTRANS
	40           values of NB
	END
}

# Its own verdicts: the residual of Linpack and every PTRANS passed, no result
# that it calls failed, and the sum of it all.
hpcc_good()
{
	grep -q '^Success=1$' hpccoutf.txt && grep -q 'End of HPC Challenge tests' hpccoutf.txt &&
		grep -q 'N)=.*PASSED' hpccoutf.txt &&
		! grep -Eq '(FAILED|\(failed\)|Node\(s\) with error [1-9])' hpccoutf.txt
}

hpcc_run()
{
	command -v hpcc >/dev/null || { echo "SKIP: HPC Challenge # hpcc is not installed"; return; }
	for ranks in ${HPCC_RANKS-2 4 16}; do
		rm -f hpccoutf.txt
		hpcc_input "$ranks" >hpccinf.txt
		"$run_mpi" "$prov" "$ranks" hpcc >hpcc.log 2>&1 && hpcc_good
		verdict "HPC Challenge, $ranks ranks" $? hpcc.log
	done
}

[ $# -gt 0 ] || set -- netpipe hpcc
for app in "$@"; do
	case $app in
	netpipe) netpipe ;;
	hpcc) hpcc_run ;;
	*) echo "switch_mpi_apps: unknown program $app" >&2; exit 2 ;;
	esac
done
exit "$status"
