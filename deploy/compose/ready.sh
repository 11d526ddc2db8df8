#!/usr/bin/env bash
# Whether the process at PORT of this container takes work: ready.sh PORT. Without curl, which the image does not have, and
# without Node, whose start would cost more than all else that an idle process does.
set -euo pipefail

exec 3<> "/dev/tcp/127.0.0.1/$1"
printf 'GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$1" >&3
answer="$(timeout 3 cat <&3 || true)"
printf '%s\n' "${answer##*$'\r\n'}"
[[ "$answer" == "HTTP/1.1 200 "* ]]
