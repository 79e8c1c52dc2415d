#!/usr/bin/env bash
# Fetches the programs that the tests need from Debian and unpacks them under .cache/debian. Nothing is installed and
# nothing is started, so root is not needed and a Prometheus or a browser of the machine's own is left alone.
#
#   scripts/fetch-debian.sh PACKAGE...                  the packages as they are
#   scripts/fetch-debian.sh --with-depends PACKAGE...   and all they depend on that the machine lacks
#
# Go programs run from where they lie. Chromium runs too, if it is told where its libraries and fonts are, and so does
# Alertmanager, if it finds its message templates: .cache/debian/bin has a starter for each. apt decides what fits this
# machine, so libraries match its libc.
set -euo pipefail

cd "$(dirname "$0")/.."
target=$PWD/.cache/debian
mkdir -p "$target/debs"

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "No apt-get here: put these on PATH yourself: $*" >&2
  exit 1
fi

# As root apt-get would drop to the user _apt, which may not write here.
apt=(-q -o APT::Sandbox::User=root)
if [ "$(id -u)" -ne 0 ]; then
  # Package lists of our own, for we may not refresh the machine's.
  mkdir -p "$target/apt/lists/partial" "$target/apt/cache/archives/partial"
  apt+=(-o "Dir::State::Lists=$target/apt/lists" -o "Dir::Cache=$target/apt/cache")
fi

missing_depends() {  # lines "Inst name (version ...)"; an upgrade would read "Inst name [old] (new ...)": not wanted
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
# Lists that are missing, or older than what the mirror still has, are refreshed once.
download "$@" || { apt-get "${apt[@]}" update && download "$@"; }
for deb in "$target"/debs/*.deb; do
  dpkg-deb --extract "$deb" "$target"
  rm "$deb"
done

if [ -x "$target/usr/bin/prometheus-alertmanager" ]; then
  mkdir -p "$target/bin"
  # Debian's Alertmanager does not start without its templates in /usr/share. This copy looks for them behind its file
  # descriptor 9: a path of the same length, so that nothing else in the program moves.
  LC_ALL=C sed 's#/usr/share/prometheus/alertmanager#/proc/self/fd/9///////////////////#g' \
    "$target/usr/bin/prometheus-alertmanager" >"$target/bin/alertmanager-unpacked"
  cat >"$target/bin/alertmanager" <<'EOF'
#!/bin/sh
# Alertmanager as unpacked beside this file, with its own templates.
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
# Chromium as unpacked beside this file, with the libraries and fonts unpacked with it.
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

if [ -x "$target/usr/bin/systemd-analyze" ]; then
  mkdir -p "$target/bin"
  cat >"$target/bin/systemd-analyze" <<'EOF'
#!/bin/sh
# systemd-analyze as unpacked beside this file, with its libraries, and the units that every unit depends on.
root=$(dirname "$(dirname "$(readlink -f "$0")")")
for folder in "$root"/usr/lib/*-linux-gnu "$root"/usr/lib/*-linux-gnu/systemd "$root"/lib/*-linux-gnu; do
  LD_LIBRARY_PATH=$folder:${LD_LIBRARY_PATH:-}
done
export LD_LIBRARY_PATH SYSTEMD_UNIT_PATH="$root/lib/systemd/system:"
exec "$root/usr/bin/systemd-analyze" "$@"
EOF
  chmod +x "$target/bin/systemd-analyze"
fi
