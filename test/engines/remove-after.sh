#!/bin/sh
# remove-after.sh DIRECTORY: removes the data of engines once whoever started them is gone, also when that one was killed.
#
# Standard input ends with the process that holds its other end. The engines then have up to ten seconds to end, each with its pid file.
read -r _
tenths=0
while [ "$tenths" -lt 150 ] && [ -n "$(find "$1" -name '*.pid' 2> /dev/null)" ]; do
  sleep 0.1
  tenths=$((tenths + 1))
done
rm -rf "$1"
