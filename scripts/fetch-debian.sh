#!/usr/bin/env bash
# Downloads the programs that the tests need from Debian and unpacks them under .cache/debian. It installs and starts
# nothing, so it needs no root, and does not affect an installed Prometheus or browser.
#
#   scripts/fetch-debian.sh PACKAGE...                  the packages only
#   scripts/fetch-debian.sh --with-depends PACKAGE...   and those of their dependencies that are not installed
#
# Go programs run from there. Chromium needs the paths of its libraries and fonts, and Alertmanager its message
# templates: .cache/debian/bin has a wrapper script for each. apt selects the versions, so that libraries match the
# libc of this machine.
set -euo pipefail

cd "$(dirname "$0")/.."
target=$PWD/.cache/debian
mkdir -p "$target/debs"

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "No apt-get here: put these on PATH yourself: $*" >&2
  exit 1
fi

# As root, apt-get would switch to the user _apt, which cannot write here.
apt=(-q -o APT::Sandbox::User=root)
if [ "$(id -u)" -ne 0 ]; then
  # Separate package lists, because only root can refresh those of the machine.
  mkdir -p "$target/apt/lists/partial" "$target/apt/cache/archives/partial"
  apt+=(-o "Dir::State::Lists=$target/apt/lists" -o "Dir::Cache=$target/apt/cache")
fi

missing_depends() {  # lines "Inst name (version ...)"; an upgrade would be "Inst name [old] (new ...)": skipped
  LC_ALL=C apt-get "${apt[@]}" install --simulate --no-install-recommends "$@" | awk '$1 == "Inst" && $3 ~ /^\(/ {print $2}'
}

download() {
  local packages=("$@")
  if [ "$1" = --with-depends ]; then
    shift
    local depends
    depends=$(missing_depends "$@") || return
    mapfile -t packages < <(printf '%s\n' "$@" $depends | sort -u)
  fi
  (cd "$target/debs" && apt-get "${apt[@]}" download "${packages[@]}")
}

rm -f "$target"/debs/*.deb
# Missing or outdated package lists are refreshed once.
download "$@" || { apt-get "${apt[@]}" update && download "$@"; }
for deb in "$target"/debs/*.deb; do
  dpkg-deb --extract "$deb" "$target"
  rm "$deb"
done

if [ -x "$target/usr/bin/prometheus-alertmanager" ]; then
  mkdir -p "$target/bin"
  # Debian's Alertmanager does not start without its templates in /usr/share. This copy opens them through its file
  # descriptor 9: a path of the same length, so that all offsets in the program stay valid.
  LC_ALL=C sed 's#/usr/share/prometheus/alertmanager#/proc/self/fd/9///////////////////#g' \
    "$target/usr/bin/prometheus-alertmanager" >"$target/bin/alertmanager-unpacked"
  cat >"$target/bin/alertmanager" <<'EOF'
#!/bin/sh
# The unpacked Alertmanager, with its own templates.
root=$(dirname "$(dirname "$(readlink -f "$0")")")
exec 9<"$root/usr/share/prometheus/alertmanager"
exec "$root/bin/alertmanager-unpacked" "$@"
EOF
  chmod +x "$target/bin/alertmanager" "$target/bin/alertmanager-unpacked"
fi

if [ -x "$target/usr/lib/chromium/chromium" ]; then
  mkdir -p "$target/bin"
  cat >"$target/bin/chromium" <<'EOF'
#!/bin/sh
# The unpacked Chromium, with the libraries and fonts unpacked with it.
root=$(dirname "$(dirname "$(readlink -f "$0")")")
for folder in "$root"/usr/lib/*-linux-gnu* "$root"/usr/lib/*-linux-gnu*/pulseaudio; do
  LD_LIBRARY_PATH=$folder:${LD_LIBRARY_PATH:-}
done
export LD_LIBRARY_PATH FONTCONFIG_FILE="$root/bin/fonts.conf"
exec "$root/usr/lib/chromium/chromium" "$@"
EOF
  chmod +x "$target/bin/chromium"
  cat >"$target/bin/fonts.conf" <<EOF
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>$target/usr/share/fonts</dir>
  <cachedir>$target/var/cache/fontconfig</cachedir>
</fontconfig>
EOF
fi

if [ -x "$target/usr/bin/curl" ]; then
  mkdir -p "$target/bin"
  cat >"$target/bin/curl" <<'EOF'
#!/bin/sh
# The unpacked curl, with the libraries unpacked with it.
root=$(dirname "$(dirname "$(readlink -f "$0")")")
for folder in "$root"/usr/lib/*-linux-gnu; do
  LD_LIBRARY_PATH=$folder:${LD_LIBRARY_PATH:-}
done
export LD_LIBRARY_PATH
exec "$root/usr/bin/curl" "$@"
EOF
  chmod +x "$target/bin/curl"
fi

if [ -x "$target/usr/bin/systemd-analyze" ]; then
  mkdir -p "$target/bin"
  cat >"$target/bin/systemd-analyze" <<'EOF'
#!/bin/sh
# The unpacked systemd-analyze, with its libraries, and the units that every unit depends on.
root=$(dirname "$(dirname "$(readlink -f "$0")")")
for folder in "$root"/usr/lib/*-linux-gnu "$root"/usr/lib/*-linux-gnu/systemd "$root"/lib/*-linux-gnu; do
  LD_LIBRARY_PATH=$folder:${LD_LIBRARY_PATH:-}
done
export LD_LIBRARY_PATH SYSTEMD_UNIT_PATH="$root/lib/systemd/system:$root/usr/lib/systemd/system:"
exec "$root/usr/bin/systemd-analyze" "$@"
EOF
  chmod +x "$target/bin/systemd-analyze"
fi
