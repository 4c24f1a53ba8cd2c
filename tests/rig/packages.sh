#!/bin/sh
# Installs Debian packages without starting or configuring any service: tests start their own servers.
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
made=no
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    made=yes
fi
# Nor make a database cluster. Both files go again when they are ours.
clusters=/etc/postgresql-common/createcluster.conf
ours=no
if [ ! -e "$clusters" ]; then
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' > "$clusters"
    ours=yes
fi
trap '[ "$made" = no ] || rm -f "$policy"; [ "$ours" = no ] || rm -f "$clusters"' EXIT
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@" > /dev/null
