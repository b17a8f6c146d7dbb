# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What apt's words mean, for whoever runs it: script/lib.sh and tests/guest/fetch.

# Prints "cannot reach the package mirror HOST: REASON", and what to do, when that is what a log of
# apt's (in English) says; else fails.
network_fault() {
    fault=$(grep -E "Temporary failure resolving|Could not resolve|Could not connect|Unable to connect|Cannot initiate the connection|[Cc]onnection (timed out|failed|refused)|Network is unreachable|No route to host|Failed to connect" "$1" |
        sed 's/^[WE]: Failed to fetch [^ ]* *//; s/^ *//' | head -n 1)
    [ -n "$fault" ] || return 1
    mirror=$(sed -n 's/^Err:[0-9]* \([a-z+]*:[^ ]*\).*/\1/p; s/^[WE]: Failed to fetch \([^ ]*\).*/\1/p' "$1" |
        sed 's|^\([^/]*//[^/]*\).*|\1|' | head -n 1)
    echo "cannot reach the package mirror${mirror:+ $mirror}: $fault"
    echo "Check the network, and apt's sources and proxy (apt-config dump Acquire::http::Proxy)."
}

# Prints a mirror of Debian, its security updates aside: MAQET_DEBIAN_MIRROR, or the first that apt uses.
debian_mirror() {
    uri=${MAQET_DEBIAN_MIRROR:-$(apt-get indextargets \
        --format '$(ORIGIN)/$(LABEL)/$(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        sed -n 's|^Debian/Debian/main ||p' | head -n 1)}
    [ -n "$uri" ] || return 1
    echo "${uri%/}"
}

# Prints assignments that have other programs (debootstrap's wget) reach a mirror as apt does: by the
# proxy for its host, or else the one for all.
proxy_settings() { # MIRROR
    scheme=${1%%:*}
    host=${1#*://}
    host=${host%%[:/]*}
    case $scheme in
    http | https) ;;
    *) return 0 ;;
    esac
    proxy=
    eval "$(apt-config shell proxy "Acquire::$scheme::Proxy")"
    own=
    eval "$(apt-config shell own "Acquire::$scheme::Proxy::$host")"
    proxy=${own:-$proxy}
    case $proxy in
    '') ;;
    DIRECT) echo "unset ${scheme}_proxy" ;;
    *) printf "export %s_proxy='%s'\n" "$scheme" "$(printf %s "$proxy" | sed "s/'/'\\\\''/g")" ;;
    esac
}

# Prints the files that apt's settings of how to acquire name: certificates and keys, programs that find
# a proxy.
acquire_files() {
    apt-config dump Acquire | sed -n 's/^Acquire::.*::\(CaInfo\|SslCert\|SslKey\|IssuerCert\|Proxy-Auto-Detect\|ProxyAutoDetect\) "\(\/.*\)";$/\2/Ip' |
        sort -u | while read -r file; do
            [ ! -f "$file" ] || echo "$file"
        done
}
