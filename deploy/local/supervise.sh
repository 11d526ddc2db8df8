#!/bin/sh
# supervise.sh PIDFILE GRACE_SECONDS COMMAND [ARGUMENT ...]
#
# Runs an engine for as long as its launcher lives. The launcher holds the other end of this process's standard input and never writes:
# when it closes that end, or dies in whatever way, the engine gets SIGTERM, and SIGKILL when it is still there after the grace.
# Standard output carries one line, the engine's pid, which PIDFILE holds until the engine has ended; its output goes to standard error.
# Exits as the engine did.
pidfile=$1 grace=$2
shift 2
exec 3<&0

"$@" < /dev/null >&2 3<&- &
engine=$!
trap '' HUP INT TERM
echo "$engine" > "$pidfile"

{
  read -r _ <&3
  kill -TERM "$engine"
  tenths=0
  while [ "$tenths" -lt $((grace * 10)) ] && kill -0 "$engine"; do
    sleep 0.1
    tenths=$((tenths + 1))
  done
  kill -KILL "$engine"
} > /dev/null 2>&1 &
watcher=$!
exec 3<&-
# Once there is a watcher: whoever knows the engine may count on its end.
echo "$engine"
exec > /dev/null

wait "$engine"
code=$?
kill -KILL "$watcher"
rm -f "$pidfile"
exit "$code"
