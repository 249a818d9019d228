# shellcheck shell=bash
# Sourced by backup.sh and restore.sh: DATABASE_URL without its password, which goes to PGPASSWORD. Other users of the machine
# can read the arguments of programs. Without DATABASE_URL the usual PGHOST, PGUSER, PGDATABASE hold.
decode() { local text=${1//+/%2B}; printf '%b' "${text//%/\\x}"; }

database=${DATABASE_URL:-${HOTSWAP_DATABASE_URL:-}}
if [[ $database =~ ^(postgres(ql)?://[^:@/]*):([^@]*)@(.*)$ ]]; then
  PGPASSWORD=$(decode "${BASH_REMATCH[3]}")
  database="${BASH_REMATCH[1]}@${BASH_REMATCH[4]}"
else
  PGPASSWORD=${PGPASSWORD:-${DB_PASSWORD:-}}
fi
export PGPASSWORD
if [[ -z $database ]]; then database=${PGDATABASE:-wasm_orchestrator}; fi
