#!/usr/bin/env bash
# Makes the secrets of an installation: generate_secrets.sh [-o FILE] [-k]
#   -o FILE  where they go, one NAME=value a line, mode 600; default deploy/.env. A file that is there is left alone.
#   -k       prints a Kubernetes Secret of them instead of writing a file
set -euo pipefail
cd "$(dirname "$0")/.."

file=.env
kubernetes=no
while getopts 'o:kh' option; do
  case $option in
    o) file=$OPTARG ;;
    k) kubernetes=yes ;;
    *) sed -n '2,4s/^# //p' "scripts/$(basename "$0")"; exit 2 ;;
  esac
done

# As many random bytes, in hexadecimal digits. Within a here-document nobody would hear that there are none: assign first.
random() {
  local digits
  digits=$(od -An -tx1 -N"$1" /dev/urandom | tr -d ' \n') || true
  if ! [[ $digits =~ ^[0-9a-f]+$ ]] || (( ${#digits} != 2 * $1 )); then
    echo "no random bytes here: the secrets need od, tr and /dev/urandom" >&2
    return 1
  fi
  printf '%s' "$digits"
}

db_password=$(random 24)
redis_password=$(random 24)
minio_access_key=$(random 10)
minio_secret_key=$(random 24)
jwt_secret_key=$(random 48)
api_salt=$(random 24)
cert_password=$(random 24)
grafana_admin_password=$(random 16)

if [[ $kubernetes == yes ]]; then
  cat <<END
apiVersion: v1
kind: Secret
metadata:
  name: wasm-secrets
  namespace: wasm-system
type: Opaque
stringData:
  db-password: $db_password
  redis-password: $redis_password
  minio-access-key: $minio_access_key
  minio-secret-key: $minio_secret_key
  jwt-secret-key: $jwt_secret_key
END
  exit 0
fi

if [[ -e $file ]]; then
  echo "$file is there already: its secrets are in use. Move it away to make new ones." >&2
  exit 1
fi
umask 077
part=$(mktemp "$file.XXXXXX")
trap 'rm -f "$part"' EXIT
cat > "$part" <<END
DB_PASSWORD=$db_password
REDIS_PASSWORD=$redis_password
MINIO_ACCESS_KEY=$minio_access_key
MINIO_SECRET_KEY=$minio_secret_key
JWT_SECRET_KEY=$jwt_secret_key
API_SALT=$api_salt
CERT_PASSWORD=$cert_password
GRAFANA_ADMIN_PASSWORD=$grafana_admin_password
END
mv -n "$part" "$file"
echo "secrets are in $file: keep it out of version control and backups that others read"
