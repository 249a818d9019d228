#!/usr/bin/env bash
# Backs the database up: backup.sh [-d FOLDER] [-k DAYS] [-m FOLDER]
#   -d FOLDER  where backups go (BACKUP_DIR), default /backups/postgres
#   -k DAYS    how long they are kept (BACKUP_KEEP_DAYS), default 30; 0 keeps all
#   -m FOLDER  folder of module bytes that is backed up too (BACKUP_MODULES_DIR), e.g. /var/lib/hotswap/modules
# The database is that of DATABASE_URL, with DB_PASSWORD where it holds none. BACKUP_UPLOAD names a program that is called with
# each finished file, to bring it elsewhere; older files are deleted only after it succeeded. In a crontab: 0 2 * * *
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

folder=${BACKUP_DIR:-/backups/postgres}
days=${BACKUP_KEEP_DAYS:-30}
modules=${BACKUP_MODULES_DIR:-}
while getopts 'd:k:m:h' option; do
  case $option in
    d) folder=$OPTARG ;;
    k) days=$OPTARG ;;
    m) modules=$OPTARG ;;
    *) sed -n '2,7s/^# //p' "$0"; exit 2 ;;
  esac
done
if ! [[ $days =~ ^[0-9]+$ ]]; then echo "the days to keep are a number, not $days" >&2; exit 2; fi
# shellcheck source=postgres-address.sh
source "$here/postgres-address.sh"

umask 077
mkdir -p "$folder"
stamp=$(date -u +%Y%m%d-%H%M%S)
part=
trap 'if [[ -n $part ]]; then rm -f "$part"; fi' EXIT

# A file has its name once it is whole.
finish() {
  gzip -t "$part"
  sync "$part"
  mv "$part" "$1"
  part=
  echo "$1"
  if [[ -n ${BACKUP_UPLOAD:-} ]]; then "$BACKUP_UPLOAD" "$1"; fi
}

part=$(mktemp "$folder/.unfinished.XXXXXX")
"${PG_DUMP:-pg_dump}" --no-owner --no-privileges --dbname="$database" | gzip > "$part"
finish "$folder/wasm-orchestrator-$stamp.sql.gz"
if [[ -n $modules ]]; then
  part=$(mktemp "$folder/.unfinished.XXXXXX")
  # 1: something changed while it was read. Modules are written under another name first, so those that are whole stay so.
  tar -C "$modules" -czf "$part" . || { status=$?; if (( status != 1 )); then exit "$status"; fi; }
  finish "$folder/wasm-modules-$stamp.tar.gz"
fi

if (( days > 0 )); then
  find "$folder" -maxdepth 1 -type f \( -name 'wasm-orchestrator-*.sql.gz' -o -name 'wasm-modules-*.tar.gz' \) \
    -mtime "+$days" -print -delete | sed 's/^/deleted after its time: /' >&2
fi
