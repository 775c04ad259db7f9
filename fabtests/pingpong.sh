# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# shellcheck shell=sh disable=SC2034,SC2154 # for and from those who read it in
#
# fi_pingpong in two processes: what scripts of this folder share, who read it in.
#
# They set tmp, a directory, and may set pingpong_host (127.0.0.1) and
# pingpong_seconds, which each process may take (120).

pingpong_host=127.0.0.1 pingpong_seconds=120
port=$((21000 + $$ % 11000)) # below those that connections get by themselves

# pingpong PROVIDER ARGUMENT...: both processes must succeed; what they say is in
# $tmp/server and $tmp/client.  A server tells nobody when it listens, but a client
# that comes too early is refused, and says so, before it does anything else.
pingpong()
{
	prov_now=$1
	shift
	while :; do
		port=$((port + 1)) # the last one may not be free again
		timeout "$pingpong_seconds" fi_pingpong -p "$prov_now" -B "$port" "$@" >"$tmp/server" 2>&1 &
		server=$!
		until
			timeout "$pingpong_seconds" fi_pingpong -p "$prov_now" -P "$port" "$@" \
				"$pingpong_host" >"$tmp/client" 2>&1
			client_status=$?
			! grep -q 'failed to connect: Connection refused' "$tmp/client" || ! kill -0 "$server" 2>/dev/null
		do :; done
		[ "$client_status" -eq 0 ] || kill "$server" 2>/dev/null
		wait "$server" && [ "$client_status" -eq 0 ] && return
		# somebody else had that port: another one then
		grep -q 'bind().*Address already in use' "$tmp/server" || return 1
	done
}
