#!/usr/bin/env bash
# Puts the database back: restore.sh [-d FOLDER] [-y] latest|FILE
#   -d FOLDER  where backups are (BACKUP_DIR), default /backups/postgres
#   -y         does not ask
# Everything in the database is replaced in one transaction: it is as it was in the backup, or untouched. Stop the servers
# before; modules are restored beside it (tar -C MODULES -xzf wasm-modules-*.tar.gz, or the bucket's own means).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

folder=${BACKUP_DIR:-/backups/postgres}
asks=yes
while getopts 'd:yh' option; do
  case $option in
    d) folder=$OPTARG ;;
    y) asks=no ;;
    *) sed -n '2,6s/^# //p' "$0"; exit 2 ;;
  esac
done
shift $((OPTIND - 1))
file=${1:?name a backup, or latest}
if [[ $file == latest ]]; then
  shopt -s nullglob
  backups=("$folder"/wasm-orchestrator-*.sql.gz)
  if (( ${#backups[@]} == 0 )); then echo "there is no backup in $folder" >&2; exit 1; fi
  file=${backups[-1]}
fi
gzip -t "$file"
# shellcheck source=postgres-address.sh
source "$here/postgres-address.sh"

if [[ $asks == yes ]]; then
  if ! [[ -t 0 ]]; then echo "nobody can be asked here: give -y" >&2; exit 2; fi
  read -r -p "Replace everything in $database by $file? Write yes: " answer
  if [[ $answer != yes ]]; then exit 1; fi
fi

empty_database="
do \$\$
declare name text;
begin
  for name in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
    execute format('drop schema %I cascade', name);
  end loop;
end
\$\$;
create schema public;
"
# What is read may end early: only the end of a backup that was read to its end commits. psql by itself would at any end.
if ! { printf 'begin;\n%s\n' "$empty_database"; gzip -dc "$file" && printf '\ncommit;\n'; } |
  "${PSQL:-psql}" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname="$database" > /dev/null; then
  echo "not restored from $file: look at what went wrong above, and run it again" >&2
  exit 1
fi
echo "restored from $file"
cat >&2 <<'END'
Next: 1. restore the modules  2. start the servers  3. watch the nodes reconnect: hotswap nodes
      4. ask for the modules: hotswap modules  5. scripts/smoke-test.sh production
END
