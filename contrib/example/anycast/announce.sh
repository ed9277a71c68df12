#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-License-Identifier: Apache-2.0
# A speaker of type exec: tells another's API, here with curl. In anycast.yaml:
#   speakers:
#     local: {type: exec, command: [/etc/loadstar/announce.sh]}
#
# On the standard input is all that is to be announced, each time it changes:
#   {"version": 17, "node": "ams1", "speaker": "local", "as": 65001, "sets": [{"name": "dns",
#    "announced": true, "prefixes": ["192.0.2.53/32"], "attributes": {"prepend": 0, "med": null,
#    "communities": ["65535:0"], "large_communities": [], "next_hop_v4": "self", ..}}]}
# What is not in there, or not announced, is to be withdrawn. Exit status 0: it is done. It may print
# {"routes": [{"prefix": "192.0.2.53/32", "present": true}]}; then it is run at each look as well.
#
# With LOADSTAR_WITHDRAW=1 there is no input, and all is to be withdrawn: loadstard is gone.
set -eu
api=http://127.0.0.1:8080/announcements/$LOADSTAR_SPEAKER

if [ "${LOADSTAR_WITHDRAW-}" = 1 ]; then
	exec curl --silent --show-error --fail --max-time 2 --request DELETE "$api"
fi
exec curl --silent --show-error --fail --max-time 4 --request PUT --header 'Content-Type: application/json' \
	--data-binary @- --output /dev/null "$api"
