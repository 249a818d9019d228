#!/usr/bin/env bash
# Installs a program with its module: install-riptide.sh -m MODULE [-b PROGRAM]... [-r ROOT]
#   -m MODULE   becomes /opt/riptide/wasm/riptide_extractor_wasm.wasm, mode 644
#   -b PROGRAM  goes to /opt/riptide/bin, mode 755; repeatable
#   -r ROOT     installs below a folder, as images are built; default /
# Makes the user and group riptide that own all of it, and puts the unit in place. Run it as root. Can be run again.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

module='' root='' programs=()
while getopts 'm:b:r:h' option; do
  case $option in
    m) module=$OPTARG ;;
    b) programs+=("$OPTARG") ;;
    r) root=${OPTARG%/} ;;
    *) sed -n '2,6s/^# //p' "$0"; exit 2 ;;
  esac
done
if [[ -z $module ]]; then echo "name the module: -m MODULE" >&2; exit 2; fi
for file in "$module" "${programs[@]}"; do
  if ! [[ -f $file ]]; then echo "there is no file $file" >&2; exit 1; fi
done
if [[ $(head -c 4 "$module" | od -An -tx1 | tr -d ' ') != 0061736d ]]; then
  echo "$module is no WebAssembly" >&2
  exit 1
fi

install -d -m 755 "$root/etc"
systemd-sysusers --root="${root:-/}" - < "$here/../systemd/riptide.sysusers.conf"
owner=$(awk -F: '$1 == "riptide" { print $3 ":" $4 }' "$root/etc/passwd")
own=(-o "${owner%:*}" -g "${owner#*:}")
install -d "${own[@]}" -m 755 "$root/opt/riptide" "$root/opt/riptide/bin" "$root/opt/riptide/wasm"
install "${own[@]}" -m 644 "$module" "$root/opt/riptide/wasm/riptide_extractor_wasm.wasm"
if (( ${#programs[@]} > 0 )); then install "${own[@]}" -m 755 "${programs[@]}" "$root/opt/riptide/bin/"; fi
install -D -m 644 "$here/../systemd/riptide-api.service" "$root/etc/systemd/system/riptide-api.service"
echo "installed in $root/opt/riptide"
