#!/bin/sh
# apt-install.sh PACKAGE ...: installs packages of servers as root, without their services being started.
#
# What a package's scripts may start is asked of policy-rc.d. Where the machine has none, one stands there that denies for as long as
# this script runs, and nothing any more should it be left over.
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nif kill -0 %s 2> /dev/null; then exit 101; fi\nexit 0\n' "$$" > "$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
fi
install() {
  apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" > /dev/null
}
install "$@" 2> /dev/null || {
  apt-get update -qq
  install "$@"
}
